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
        for field in ("loadBalancer.consistentHash.maglev.tableSize",)
    },
    **{
        (
            "DestinationRule",
            f"trafficPolicy.loadBalancer.consistentHash.{field}",
        ): "`unit/view/test_rings.py`; how evenly a ring spreads is a matter of chance"
        for field in ("ringHash.minimumRingSize", "minimumRingSize")
    },
    ("Gateway", "servers[].name"): "only a name, for people",
    ("DestinationRule", "trafficPolicy.portLevelSettings[].port.name"): "a form of Istio 0.8, refused with M2003",
    **{
        (kind, "peers[].jwt"): "never worked in Istio; refused with M2940, `unit/check/test_rbac.py`"
        for kind in ("Policy", "MeshPolicy")
    },
    **{
        ("MeshPolicy", f"targets[].{field}"): "refused with M2939, `unit/check/test_rbac.py`"
        for field in ("name", "labels", "ports[].name", "ports[].number")
    },
    **{
        (kind, "origins[].jwt.jwksUri"): "`unit/envoy/test_rbac.py`; fetched as those of RequestAuthentications"
        for kind in ("Policy", "MeshPolicy")
    },
    **{
        ("WorkloadGroup", f"template.{field}"): "`unit/cli/test_x.py`; as in the WorkloadEntry that is made of it"
        for field in ("locality", "network", "serviceAccount", "weight")
    },
    ("MeshConfig", "connectTimeout"): "`golden/cases/mesh-defaults`; a matter of time",
    ("MeshConfig", "dnsRefreshRate"): "`golden/cases/mesh-defaults`; a matter of time",
    **{
        ("MeshConfig", field): "`golden/cases/mesh-defaults`; rules of interception are made with the pod"
        for field in ("proxyListenPort", "proxyInboundListenPort")
    },
    ("MeshConfig", "meshMTLS.cipherSuites[]"): "`golden/cases/mesh-defaults`; both ends speak TLS 1.3",
    **{
        ("MeshConfig", field): "`golden/cases/mesh-defaults`; certificates have it: `unit/identity`"
        for field in ("trustDomain", "trustDomainAliases[]")
    },
    ("MeshConfig", "defaultConfig.configPath"): "`unit/agent/test_settings.py`; where a file of the agent is",
    **{
        (kind, f"{place}.namespace"): "only the policy's own, which goes without saying; else M2707"
        for kind in ("AuthorizationPolicy", "RequestAuthentication", "WasmPlugin", "TrafficExtension")
        for place in ("targetRef", "targetRefs[]")
        if (kind, place) != ("TrafficExtension", "targetRef")
    },
    **{
        ("EnvoyFilter", f"configPatches[].match.{field}"): f"{why}; told by M2706, `unit/envoy/test_patch_table.py`"
        for why, fields in (
            ("as in Istio without meaning", ("listener.portName",)),
            (
                "there are no waypoints",
                tuple(
                    f"waypoint.{name}"
                    for name in (
                        *("filter.name", "filter.subFilter.name", "portNumber"),
                        *("route.action", "route.name"),
                    )
                ),
            ),
        )
        for field in fields
    },
    ("EnvoyFilter", "targetRefs[].namespace"): "only the filter's own, which goes without saying; else M2707",
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
