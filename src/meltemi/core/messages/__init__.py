"""Envoy's messages by their names, for what users write in Envoy's own words."""
