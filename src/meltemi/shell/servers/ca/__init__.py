"""The authority's gRPC services."""
