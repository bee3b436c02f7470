"""See docs/architecture.md, the room `apps/cli`."""
