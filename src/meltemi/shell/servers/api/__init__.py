"""See docs/architecture.md, the room `shell/servers/api`."""
