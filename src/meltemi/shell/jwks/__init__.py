"""Fetch the public keys of issuers: where to (reach), what (fetch), which of it counts (usable), and when (keeper)."""
