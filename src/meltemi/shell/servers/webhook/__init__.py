"""What the API server asks before it stores an object; see docs/architecture.md, the room `shell/servers`."""
