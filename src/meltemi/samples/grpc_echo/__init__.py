"""grpc-echo: says over gRPC, HTTP and TCP how it was reached, and calls others when it is told to.

Place:  samples
Source: Istio, samples/grpc-echo and pkg/test/echo (service `proto.EchoTestService`).
"""
