"""What a kubelet serves to the API server; see docs/architecture.md, the room `shell/runtime`."""
