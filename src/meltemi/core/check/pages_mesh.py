"""The texts of the codes M31, of rules across documents, and M7, of injection.

Place:  [check/pages_mesh] → check/pages
"""

Page = tuple[str, str, str, str]
"""Code, severity, name, text."""

INJECTION: tuple[Page, ...] = (
    (
        "M7001",
        "error",
        "annotation of a pod",
        (
            "A value that injection cannot follow: the pod is refused, because a proxy set up otherwise than it asks\n"
            "would be a surprise. docs/reference/annotations.md lists the annotations and their values."
        ),
    ),
    (
        "M7002",
        "warning",
        "annotation without effect",
        "The annotation or setting is Istio's and has no effect here; the message says why. The pod is injected.",
    ),
    (
        "M7003",
        "warning",
        "unknown annotation",
        "The annotation is in Istio's domain, but nobody reads it: look for a slip. The pod is injected.",
    ),
)

SIDECARS: tuple[Page, ...] = (
    (
        "M3301",
        "warning",
        "two Sidecars for the same workloads",
        "Of two Sidecars of a namespace with equal selectors the older one is in force. Put them into one.",
    ),
    (
        "M3302",
        "warning",
        "egress host of nothing",
        (
            "The workload sees what `egress` names. This entry names no service and no VirtualService that its\n"
            "namespace may see. `./host` is the own namespace, `*/host` any; `exportTo` may hide a service."
        ),
    ),
    (
        "M3303",
        "warning",
        "TLS of an ingress listener without effect",
        (
            "A Sidecar's `ingress.tls` is for callers from outside of the mesh. It is used only where mutual TLS of\n"
            "the mesh is off: PeerAuthentication with mode DISABLE for the port."
        ),
    ),
    (
        "M3401",
        "warning",
        "WorkloadEntry that nobody selects",
        "No Service and no ServiceEntry of its namespace asks for its labels, so that nothing is sent to it.",
    ),
    (
        "M3402",
        "warning",
        "name of a WorkloadEntry",
        "Services that select have addresses only; a name is found by a ServiceEntry with resolution DNS.",
    ),
)

PROXIES: tuple[Page, ...] = (
    (
        "M3501",
        "warning",
        "two ProxyConfigs for the same proxies",
        (
            "Of two ProxyConfigs of a namespace without a selector, or with equal ones, the older one is in force:\n"
            "they are not merged. Put them into one."
        ),
    ),
    (
        "M3502",
        "warning",
        "ProxyConfig for nobody",
        "A selector without labels selects no pod. Leave it out for the whole namespace.",
    ),
    (
        "M3510",
        "info",
        "nobody registers with a WorkloadGroup",
        (
            "In Istio a virtual machine whose agent names the group gets a WorkloadEntry by itself. Here machines\n"
            "have no agent: `meltemi x workload entry configure -f GROUP --address IP` prints the same WorkloadEntry,\n"
            "to be applied and deleted by hand."
        ),
    ),
)

ROUTING: tuple[Page, ...] = (
    (
        "M3101",
        "warning",
        "destination without service",
        (
            "No Service or ServiceEntry of this name is visible from the document's namespace. What is sent there\n"
            "is answered 503. A name without a dot means a Service of the document's own namespace."
        ),
    ),
    (
        "M3102",
        "warning",
        "destination without subset",
        "No DestinationRule for the host defines the subset. What is sent there is answered 503.",
    ),
    (
        "M3103",
        "warning",
        "destination without port",
        "The service has no such port. What is sent there is answered 503.",
    ),
    (
        "M3104",
        "warning",
        "VirtualService without gateway",
        "There is no Gateway of this name. `name` means one of the own namespace; else write `namespace/name`.",
    ),
    (
        "M3105",
        "warning",
        "delegate without effect",
        (
            "The rule delegates to a VirtualService that does not exist, has hosts of its own, is not exported\n"
            "to this namespace, or whose matches contradict those of the rule. The rule has no effect."
        ),
    ),
    (
        "M3106",
        "warning",
        "host has an older VirtualService",
        (
            "In sidecars one VirtualService speaks for a host: the oldest. Put the rules into one document, or let\n"
            "one delegate to others. At gateways the rules of all are put one after the other."
        ),
    ),
    (
        "M3107",
        "warning",
        "port is taken at the gateway",
        "Servers share a port only where all speak plain HTTP, or all TLS. The oldest Gateway's first server decides.",
    ),
    (
        "M3108",
        "warning",
        "connections go to an older service",
        (
            "Connections of bytes can be told apart by address and port only, and this pair belongs to an older\n"
            "service. Give the service an address, or another port. TLS is told apart by server name as well."
        ),
    ),
    (
        "M3109",
        "warning",
        "undeclared protocol",
        (
            "Neither the port's name nor `appProtocol` says what is spoken, so the client's proxy waits for the\n"
            "first bytes (at most `protocolDetectionTimeout`). A server that speaks first would wait with it: name\n"
            "the port `tcp-…`."
        ),
    ),
    (
        "M3111",
        "warning",
        "name leads to another service",
        "Two services want the same name or address for HTTP on one port. It leads to the oldest.",
    ),
    (
        "M3112",
        "warning",
        "Secret of a gateway",
        (
            "The Secret that `credentialName` names is not in the namespace of the gateway's pods, or has no\n"
            "certificate and key (`tls.crt`, `tls.key`), or no authorities (`ca.crt`, in it or in `NAME-cacert`)."
        ),
    ),
    (
        "M3113",
        "warning",
        "rules for connections to a host that is no service",
        "Sidecars listen for services. Without a Service or ServiceEntry of that name no connection meets the rules.",
    ),
)
