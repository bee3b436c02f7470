"""Remembers what was read and recomputes what a change touches; knows nothing of meshes."""
