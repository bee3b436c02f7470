"""See docs/architecture.md, the room `shell/stores`."""
