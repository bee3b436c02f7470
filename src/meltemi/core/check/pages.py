"""The texts of the catalogue of codes. M1: file and object; M2: what it says; M25: settings of the mesh; M7: injection;
M9: of the running mesh.

Place:  [check/pages] → check/catalogue
"""

from meltemi.core.check.pages_identity import IDENTITY

Page = tuple[str, str, str, str]
"""Code, severity, name, text."""

_READING: tuple[Page, ...] = (
    (
        "M1001",
        "error",
        "not readable",
        (
            "The file is neither YAML nor JSON in UTF-8. The message is the parser's; look at the line above too.\n"
            "Other documents of the file are read nevertheless."
        ),
    ),
    (
        "M1002",
        "error",
        "written twice",
        (
            "A key stands twice in one mapping, or a field both in camelCase and under its proto name. Readers differ\n"
            "in which one they take, so neither is taken. Remove one."
        ),
    ),
    (
        "M1003",
        "error",
        "too large",
        "The document is nested too deeply, or has too many values; what an alias stands for counts each time.",
    ),
    (
        "M1101",
        "error",
        "unknown field",
        (
            "The kind has no such field, so it would have no effect. Mind the spelling and the indentation: often the\n"
            "field exists one level higher or deeper."
        ),
    ),
    (
        "M1103",
        "error",
        "wrong type",
        (
            "The field holds another type of value. Numbers and booleans are written without quotes, texts that look\n"
            "like them (`1.0`, `yes`, `on`) with quotes, durations as a number with a unit (`10s`, `1.5h`, `250ms`)."
        ),
    ),
    (
        "M1104",
        "error",
        "unknown value",
        "The field takes one of a few words, in exactly this spelling.",
    ),
    (
        "M1105",
        "error",
        "fields exclude each other",
        "At most one of these fields can be written: they are alternatives.",
    ),
)

_OBJECT: tuple[Page, ...] = (
    ("M1201", "error", "not an object", "A document must be a mapping with `apiVersion`, `kind` and `metadata`."),
    ("M1202", "error", "no kind", "`apiVersion` or `kind` is missing, empty or malformed, so the kind is not known."),
    (
        "M1203",
        "error, or info for kinds that the mesh only reads",
        "unknown version",
        "The kind exists, but not in this API version.",
    ),
    ("M1204", "error, or warning for kinds that no cluster stores", "no name", "`metadata.name` is missing."),
    (
        "M1205",
        "error",
        "not a name",
        (
            "Names of objects are lower case letters, digits, `-` and `.`; of namespaces, Services and Gateways\n"
            "without dots, since they become part of DNS names."
        ),
    ),
    (
        "M1206",
        "error",
        "annotation without meaning",
        "The annotation asks for something that this kind cannot do.",
    ),
    (
        "M1207",
        "warning",
        "object twice",
        "The file holds an object of this kind, namespace and name before; only the last one takes effect.",
    ),
    ("M1210", "error", "no such namespace", "The namespace is not in the mesh: apply it first, or with the object."),
    (
        "M1211",
        "error",
        "pod cannot be changed",
        "What a Pod runs is settled when it is created. Delete it first, or let a Deployment replace its pods.",
    ),
    ("M1212", "error", "address not free", "`clusterIP` names the address of another Service, or none is left."),
)

_EFFECT: tuple[Page, ...] = (
    (
        "M1301",
        "warning, or info for kinds of Kubernetes",
        "kind without effect yet",
        "The object is stored and returned unchanged. The mesh knows the kind and does nothing with it yet.",
    ),
    (
        "M1302",
        "warning, or info outside istio.io",
        "unknown kind",
        "The object is stored and returned unchanged. The mesh does not know the kind.",
    ),
    (
        "M1303",
        "warning",
        "field without effect yet",
        "The field is sound, stored and returned unchanged. The mesh does nothing with it yet.",
    ),
    (
        "M1304",
        "warning or info",
        "old form",
        "The field or the form still works. The help names the form of today.",
    ),
)

_VALUES: tuple[Page, ...] = (
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

_VIRTUAL_SERVICE: tuple[Page, ...] = (
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

_DESTINATION_RULE: tuple[Page, ...] = (
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
)

_GATEWAY: tuple[Page, ...] = (
    ("M2301", "error", "no servers", "A Gateway opens at least one port."),
    ("M2302", "error", "port name twice", "Port names of a Gateway are unique: routes are bound by them."),
    ("M2303", "error", "host of a server", "`host` or `namespace/host`, with full names; `*.` may begin a host."),
    ("M2305", "error", "TLS on plain ports", "HTTP, TCP and such ports do not end TLS; HTTP can redirect to https."),
    (
        "M2306",
        "error or warning",
        "certificates",
        (
            "ISTIO_MUTUAL uses the mesh's certificates, PASSTHROUGH none; only modes that ask clients for\n"
            "certificates have revocation lists."
        ),
    ),
    ("M2307", "warning", "cipher suites", "Unknown suites are left out; TLS below 1.2 needs suites of its own."),
    ("M2308", "error", "several certificates", "Certificates are named in one way, two at most."),
    ("M2309", "error", "bind", "`bind` is an IP address, or `unix://` and a path."),
    ("M2310", "error or warning", "no effect here", "The setting has no effect on this port."),
)

_SERVICE_ENTRY: tuple[Page, ...] = (
    ("M2401", "error or warning", "host of a service", "A ServiceEntry names hosts or domains, not `*`."),
    ("M2402", "error", "address ranges", "Ranges of addresses need resolution NONE or STATIC."),
    (
        "M2403",
        "error",
        "resolution",
        (
            "NONE has no endpoints; STATIC has addresses; DNS needs full host names, or endpoints; DNS_ROUND_ROBIN\n"
            "takes one; DYNAMIC_DNS takes wildcard hosts, HTTP or TLS, and nothing else."
        ),
    ),
    (
        "M2404",
        "error or warning",
        "selector and endpoints",
        "Endpoints are listed or selected; selecting needs STATIC.",
    ),
    ("M2405", "error or warning", "port twice", "Names and numbers of ports are unique in a service."),
    ("M2406", "error", "ports of an endpoint", "An endpoint maps ports of the service; a Unix socket has none."),
    (
        "M2407",
        "error or warning",
        "address of an endpoint",
        "An IP address; with DNS a host name; with STATIC `unix://` too.",
    ),
    (
        "M2408",
        "error or warning",
        "hosts share a port",
        "Raw TCP does not say which host it is for: one host per entry.",
    ),
    ("M2409", "warning", "TCP without address", "Without an address of its own, such a service takes the whole port."),
)

_LATER: tuple[Page, ...] = (
    ("M2801", "error", "selector and template", "A Deployment must select the pods that its template makes."),
    ("M2802", "error", "container twice", "Names of containers are unique in a pod, init containers included."),
    (
        "M2803",
        "warning",
        "user that does not exist",
        (
            "A mesh without root lives in a user namespace with one user. Containers that ask for another one run\n"
            "as that one, user 0 of the namespace, without any capability; outside it is you. See\n"
            "docs/guide/without-root.md."
        ),
    ),
    ("M2601", "error", "empty Sidecar", "A Sidecar says at least one thing."),
    (
        "M2602",
        "error or warning",
        "listeners overlap",
        "A port, socket or host is written twice or covered by another.",
    ),
    (
        "M2603",
        "error",
        "endpoint of a Sidecar",
        "`defaultEndpoint` is the workload itself: loopback, or a Unix socket.",
    ),
    ("M2604", "error", "TLS of a Sidecar", "Only SIMPLE and MUTUAL with files are possible."),
    ("M2605", "error", "egress proxy", "A proxy for unknown hosts needs mode ALLOW_ANY."),
    ("M2701", "warning", "patches of Envoy's configuration", "Prefer the mesh's own fields; patches break easily."),
    ("M2702", "error", "patch without target", "`applyTo` and `operation` say what is patched and how."),
    ("M2703", "error", "old message", "Envoy knows messages of the v3 API only."),
    ("M2704", "error", "patch and match", "What is patched cannot be found by this match."),
)

_SECURITY: tuple[Page, ...] = (
    (
        "M2901",
        "error",
        "ports of a PeerAuthentication",
        "`portLevelMtls` names ports of the selected workloads by number: at least one, and with a selector.",
    ),
    (
        "M2902",
        "warning",
        "an older policy decides",
        (
            "Of several PeerAuthentications for the same mesh, namespace or workload the oldest is in force (as in\n"
            "Istio); this one has no effect there."
        ),
    ),
)

_MESH: tuple[Page, ...] = (
    ("M2501", "error", "setting of the mesh", "A setting of the mesh has a value that is not possible."),
    ("M2502", "info", "setting without effect yet", "The setting is known and has no effect yet."),
)

_HOSTS: tuple[Page, ...] = (
    (
        "M3201",
        "warning",
        "rule for an unknown host",
        "No Service and no ServiceEntry has the host of the DestinationRule.",
    ),
    (
        "M3202",
        "warning",
        "two policies for a host",
        "An older DestinationRule has a policy for the host; it stays in force.",
    ),
    (
        "M3203",
        "warning",
        "subset defined twice",
        "An older DestinationRule defines a subset of this name for the host.",
    ),
    ("M3204", "warning", "rules that are not merged", "Rules for one host are merged only where `exportTo` is equal."),
    ("M3206", "warning", "host of another document", "The host belongs to an older document; here it has no effect."),
)

_PROXIES: tuple[Page, ...] = (
    (
        "M9001",
        "error",
        "refused by Envoy",
        (
            "A proxy has not taken what the mesh made of this document, and goes on with what it had. The message is\n"
            "Envoy's. Nothing else is held up; please report it, since `validate` should have said it."
        ),
    ),
    (
        "M9002",
        "error",
        "not derived",
        (
            "A function of Meltemi failed on a configuration that all checks had let pass. What it stands for stays\n"
            "as it was, and all else goes on. Please report it with the message."
        ),
    ),
    (
        "M9003",
        "warning",
        "last sound version in force",
        (
            "The stored document has errors, though it was stored: another release of the mesh let it pass, or it was\n"
            "written past the API. The mesh goes on with the last version without errors that the store remembers,\n"
            "also after a restart; with none, it goes on as if the document did not exist."
        ),
    ),
)

_INJECTION: tuple[Page, ...] = (
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

_ROUTING: tuple[Page, ...] = (
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
    ("M3110", "warning", "TLS without effect", "The mode has no effect yet."),
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

PAGES: tuple[Page, ...] = (
    *_READING,
    *_OBJECT,
    *_EFFECT,
    *_VALUES,
    *_VIRTUAL_SERVICE,
    *_DESTINATION_RULE,
    *_GATEWAY,
    *_SERVICE_ENTRY,
    *_LATER,
    *_SECURITY,
    *_MESH,
    *_ROUTING,
    *_INJECTION,
    *_HOSTS,
    *_PROXIES,
    *IDENTITY,
)
