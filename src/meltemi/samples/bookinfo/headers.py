"""The headers that a service hands on, so that one request's spans and its user stay together.

Place:  samples/bookinfo · used by every service that calls another
Source: Istio, "Distributed tracing FAQ", headers that applications should propagate.
"""

from collections.abc import Mapping

PROPAGATED = (
    "x-request-id",
    "x-ot-span-context",
    "x-datadog-trace-id",
    "x-datadog-parent-id",
    "x-datadog-sampling-priority",
    "traceparent",
    "tracestate",
    "baggage",
    "x-cloud-trace-context",
    "grpc-trace-bin",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "b3",
    "sw8",
    "end-user",
    "user-agent",
    "cookie",
    "authorization",
    "jwt",
)


def propagated(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of `headers` (names in lower case) that an outgoing request must carry."""
    return {name: headers[name] for name in PROPAGATED if name in headers}
