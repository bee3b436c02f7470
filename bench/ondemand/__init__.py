"""On demand: what a sidecar, the control plane and a first request cost in a mesh of many services."""
