"""The Kubernetes store; see docs/architecture.md, the room `shell/stores`."""
