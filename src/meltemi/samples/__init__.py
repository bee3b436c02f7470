"""See docs/architecture.md, the room `samples`."""
