"""Modules of WebAssembly: from web servers (fetch) and registries (registry), taken out (contents), kept as files."""
