"""See docs/architecture.md, the room `core/check`."""
