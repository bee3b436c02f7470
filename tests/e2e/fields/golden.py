"""Fields that traffic cannot show, each with the reason and the test that holds what Envoy is told instead.

Place:  tests/e2e/fields · read by e2e/fields/table
"""

GOLDEN: dict[tuple[str, str], str] = {
    ("VirtualService", "http[].match[].name"): "only a name, for people",
    ("VirtualService", "http[].websocketUpgrade"): "upgrades are always allowed; `test_mutual_tls.py` has a WebSocket",
    ("VirtualService", "http[].fault.abort.http2Error"): "as in Istio not to be had; refused with M2123",
    ("VirtualService", "http[].fault.delay.exponentialDelay"): "as in Istio not to be had; refused with M2123",
    **{
        (
            "DestinationRule",
            f"trafficPolicy.{field}",
        ): "`golden/cases/cluster-policies`; a matter of chance or time"
        for field in (
            "connectionPool.tcp.connectTimeout",
            "loadBalancer.consistentHash.maglev.tableSize",
        )
    },
    **{
        (
            "DestinationRule",
            f"trafficPolicy.loadBalancer.consistentHash.{field}",
        ): "`unit/view/test_rings.py`; how evenly a ring spreads is a matter of chance"
        for field in ("ringHash.minimumRingSize", "minimumRingSize")
    },
    ("Gateway", "servers[].name"): "only a name, for people",
    ("Gateway", "servers[].port.targetPort"): "as in Istio without meaning; refused with M2310",
    **{
        ("Sidecar", f"{side}[].port.targetPort"): "as in Istio without meaning here; refused with M2310"
        for side in ("ingress", "egress")
    },
    ("Sidecar", "outboundTrafficPolicy.egressProxy.port.name"): "a form of Istio 0.8, refused with M2003",
    **{
        ("VirtualService", f"{place}.port.name"): "a form of Istio 0.8, refused with M2003"
        for place in (
            "http[].mirror",
            "http[].mirrors[].destination",
            *(f"{protocol}[].route[].destination" for protocol in ("http", "tcp", "tls")),
        )
    },
}
"""(kind, path) → why, and the test."""
