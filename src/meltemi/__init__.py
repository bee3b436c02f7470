"""Meltemi: a service mesh with a Python control plane and the real Envoy as data plane."""
