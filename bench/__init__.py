"""Measurements, side by side in one run. Nothing here is asserted: `scripts/bench` prints a table."""
