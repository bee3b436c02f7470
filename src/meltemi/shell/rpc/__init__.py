"""gRPC as a server speaks it, over shell/http2: bytes in, bytes out, no protobuf."""
