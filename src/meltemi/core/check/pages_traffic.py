"""The texts of the codes M2 that many kinds share, and those of VirtualServices and DestinationRules.

Place:  [check/pages_traffic] → check/pages
"""

Page = tuple[str, str, str, str]
"""Code, severity, name, text."""

VALUES: tuple[Page, ...] = (
    (
        "M2001",
        "error",
        "not a host",
        (
            "A host is a DNS name: parts of letters, digits and `-`, at most 63 characters each, 255 in all. Where\n"
            "wildcards are allowed, the first part may be `*`. A name cannot end with a number: it would be an\n"
            "address."
        ),
    ),
    (
        "M2002",
        "error",
        "wildcard not possible here",
        (
            "`*` alone would catch everything. A VirtualService for sidecars must name hosts or a domain\n"
            "(`*.example.com`); a destination must be one host."
        ),
    ),
    ("M2003", "error", "not a port", "Ports are whole numbers from 1 to 65535."),
    (
        "M2004",
        "error",
        "duration not possible",
        "A duration is at least a millisecond and in whole milliseconds: Envoy's timers do not resolve less.",
    ),
    ("M2005", "error", "not a percentage", "Percentages are 0 to 100; the smallest share is 0.0001."),
    (
        "M2006",
        "error",
        "not a regular expression",
        (
            "Envoy uses RE2: no backreferences, no lookaround, at most 1024 characters. The expression must match the\n"
            "whole text."
        ),
    ),
    ("M2007", "error", "empty match", "An empty prefix or expression matches everything or nothing; leave it out."),
    ("M2008", "error", "not an address", "An IPv4 or IPv6 address, or a range as address/bits, is wanted."),
    ("M2009", "error", "not a label", "Labels follow Kubernetes' rules for names and values of labels."),
    (
        "M2010",
        "error",
        "exportTo not possible",
        (
            "Entries are names of namespaces, `.` (the own one) or `*` (all, and then nothing else), each once. A\n"
            "ServiceEntry can also say `~` (nobody). A DestinationRule with a workload selector stays in its\n"
            "namespace."
        ),
    ),
    ("M2011", "error", "unknown protocol", "The protocol of a port is one of the names in the help, in any case."),
    ("M2012", "error", "not a port name", "Port names are DNS labels: letters, digits and `-`, at most 63."),
    ("M2013", "error", "missing", "The field is required here."),
    ("M2014", "error", "negative", "The number must be 0 or more."),
    (
        "M2015",
        "error or warning",
        "selector",
        "Selectors compare labels for equality; `*` has no meaning in them, and an empty one selects everything.",
    ),
    ("M2016", "error", "not a socket path", "After `unix://` stands an absolute path of a file, or `@` and a name."),
)

VIRTUAL_SERVICE: tuple[Page, ...] = (
    ("M2101", "error", "no routes", "A VirtualService has at least one of `http`, `tls` and `tcp`."),
    ("M2102", "error", "route leads nowhere", "Each route has destinations, or a redirect, or a direct response."),
    (
        "M2103",
        "error",
        "actions exclude each other",
        "A request is routed, redirected, answered or delegated: one of them.",
    ),
    (
        "M2104",
        "error",
        "unknown retry condition",
        (
            "`retryOn` is a list of Envoy's conditions and of HTTP status codes, separated by commas without blanks.\n"
            "Envoy passes over names that it does not know, so a typo would silently mean that nothing is tried\n"
            "again.\n"
            "\n"
            "Conditions: `5xx`, `gateway-error`, `reset`, `reset-before-request`, `connect-failure`, `retriable-4xx`,\n"
            "`refused-stream`, `retriable-status-codes`, `retriable-headers`, `envoy-ratelimited`, `http3-post-\n"
            "connect-failure`, and for gRPC `cancelled`, `deadline-exceeded`, `internal`, `resource-exhausted`,\n"
            "`unavailable`."
        ),
    ),
    (
        "M2105",
        "error",
        "retries are off",
        "`attempts: 0`, or none, turns retries off; what else is written has no effect.",
    ),
    (
        "M2106",
        "error",
        "header name",
        (
            "A header's name is letters, digits and a few signs. `:method`, `:path` and other parts of the request\n"
            "line cannot be changed as headers; `host` and `:authority` can be set on requests only."
        ),
    ),
    (
        "M2107",
        "error",
        "header value",
        "In values, `%` begins one of Envoy's variables (`%HOSTNAME%`, `%REQ(x-user)%`); `%%` is a percent sign.",
    ),
    ("M2108", "error", "hosts overlap", "A host may be named once, and not be covered by a wildcard beside it."),
    (
        "M2109",
        "error",
        "not a gateway or namespace",
        "Gateways are named `name` (in the own namespace), `namespace/name`, or `mesh` for all sidecars.",
    ),
    (
        "M2110",
        "error",
        "delegates",
        "A VirtualService without hosts is a delegate: it has HTTP routes only, no gateways, and delegates no further.",
    ),
    ("M2111", "error", "status code", "A proxy answers with 200 to 599."),
    ("M2112", "error", "gRPC status", "A gRPC status is a name such as `NOT_FOUND`."),
    ("M2113", "error", "CORS policy", "An origin, a method or the age of the CORS policy is not possible."),
    ("M2114", "error", "weights", "Weights are 0 or more, and not all 0 where there are several destinations."),
    ("M2115", "error", "redirect", "A redirect changes something, answers with 3xx, and goes to http or https."),
    ("M2116", "error", "rewrite", "A rewrite changes the host or the path, the path in one way."),
    ("M2117", "error or warning", "large body", "Each proxy is sent the body; more than 1 MiB is refused."),
    ("M2118", "error", "host set twice", "The host is set by a rewrite and by headers, or by two headers."),
    (
        "M2119",
        "error or warning",
        "server name",
        "The server names of a TLS route must be covered by the hosts of the VirtualService.",
    ),
    ("M2120", "warning", "never reached", "Earlier routes take all that this route could match."),
    ("M2121", "warning", "condition never met", "An earlier route has the same conditions, or a shorter prefix."),
    ("M2122", "error or warning", "fault without content", "A fault delays or aborts; an abort says with what."),
    ("M2123", "error", "fault not possible", "Exponential delays and HTTP/2 errors cannot be injected."),
    ("M2124", "error", "claims in the mesh", "Matches on claims of tokens work where tokens are read: at gateways."),
)

DESTINATION_RULE: tuple[Page, ...] = (
    ("M2201", "error", "empty policy", "The policy is written and says nothing; leave it out or fill it in."),
    ("M2202", "error", "subset twice", "Names of subsets are unique in a DestinationRule."),
    ("M2203", "error", "subset name", "Names of subsets are DNS labels: they become part of names of clusters."),
    ("M2204", "error", "hashing", "The size of the ring or table is not possible. Maglev wants a prime below 5000011."),
    (
        "M2205",
        "error",
        "localities",
        (
            "Either `distribute` or `failover`; weights of one origin sum up to 100; localities are\n"
            "region/zone/subzone, with `*` at the end only, and do not overlap; failover is between two different\n"
            "regions."
        ),
    ),
    ("M2206", "warning", "failover without outlier detection", "Without it no endpoint ever counts as ill."),
    (
        "M2207",
        "error",
        "TLS towards destinations",
        "Certificates are named in one way; what is not verified is not listed.",
    ),
    ("M2208", "error", "local failures", "They are counted by themselves only with `splitExternalLocalOriginErrors`."),
    ("M2209", "error", "tunnel", "A tunnel is CONNECT or POST, and excludes the PROXY protocol."),
    ("M2210", "error", "warm-up", "`minimumPercent` is 0 to 100, `aggression` at least 1."),
    ("M2211", "error", "protocol towards destinations", "Upgrade and the client's own protocol exclude each other."),
    (
        "M2212",
        "error",
        "weights by latency",
        "The annotation is `true` or `false`. Hashing, RANDOM and PASSTHROUGH have no weights: there it is a warning.",
    ),
    (
        "M2213",
        "info",
        "credential for gateways",
        "Of a rule for all clients only gateways read `credentialName`; sidecars do of one with a `workloadSelector`.",
    ),
    (
        "M2214",
        "info",
        "zones of a region",
        (
            "With `zoneAwareLbSetting` endpoints of the caller's region are preferred, and `failover` and\n"
            "`failoverPriority` order the others. Within the region all zones get shares by their endpoints, as in\n"
            "Istio where a proxy does not discover itself (`ISTIO_META_ENABLE_SELF_DISCOVERY`)."
        ),
    ),
)
