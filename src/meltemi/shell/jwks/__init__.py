"""The public keys of issuers: what is asked for (fetch), and which of it counts (usable)."""
