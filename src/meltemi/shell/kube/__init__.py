"""A real Kubernetes API on this machine; see docs/architecture.md, the room `shell/kube`."""
