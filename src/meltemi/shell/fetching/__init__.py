"""Fetch what documents name by address: where to (reach), how (web), and when (keeper)."""
