"""The texts of the catalogue of codes. M1: file and object; M2: what it says; M25: settings of the mesh; M7: injection;
M9: of the running mesh.

Place:  [check/pages] → check/catalogue
"""

from meltemi.core.check.pages_identity import IDENTITY
from meltemi.core.check.pages_legacy import LEGACY
from meltemi.core.check.pages_mesh import INJECTION, PROXIES, ROUTING, SIDECARS
from meltemi.core.check.pages_security import SECURITY
from meltemi.core.check.pages_traffic import DESTINATION_RULE, VALUES, VIRTUAL_SERVICE

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
        "warning, or info about fields that the embedded node leaves alone",
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
    (
        "M2703",
        "error",
        "unknown message",
        (
            "`@type` names no message of Envoy's v3 API: mind the spelling; messages of the API before v3 are gone\n"
            "from Envoy, and those of Istio's own build of Envoy are not in the one that is used here."
        ),
    ),
    ("M2704", "error", "patch and match", "What is patched cannot be found by this match."),
    ("M2705", "error", "not what Envoy wants", "The value does not fit the field of Envoy's message."),
    (
        "M2706",
        "warning",
        "patch without effect",
        "This operation, match or target does nothing here; the help says what would.",
    ),
    (
        "M2707",
        "error",
        "target not possible",
        "`targetRefs` names at most 16 Gateways, Services or ServiceEntries of the policy's own namespace.",
    ),
    (
        "M2708",
        "warning",
        "patch that meets nothing",
        (
            "No proxy that the document is for has anything that the match describes, so that the patch changes\n"
            "nothing. `meltemi proxy-config POD -o json` shows the names to match."
        ),
    ),
    (
        "M2709",
        "warning",
        "patch for nobody",
        "The selector finds no pod with a proxy, so that nothing is changed.",
    ),
    (
        "M2710",
        "error",
        "code for proxies",
        (
            "A WasmPlugin or TrafficExtension that proxies could not fetch or run. A module comes from `oci://`,\n"
            "`http://`, `https://` or `file://`; a script has at most 64 KiB; a selector or targets say for whom."
        ),
    ),
    (
        "M2711",
        "warning",
        "module that did not come",
        (
            "The control plane fetches modules from web servers and registries. One that never came does not run, and\n"
            "`failStrategy` decides about traffic; one that came once stays in force. See docs/guide/extensions.md."
        ),
    ),
    (
        "M2713",
        "error",
        "another module than was asked for",
        (
            "What came has another checksum than `sha256` says, so it does not run, and `failStrategy` decides. Of an\n"
            "image it is the digest of the manifest."
        ),
    ),
    (
        "M2712",
        "info",
        "proxies started without a change",
        (
            "An EnvoyFilter changes what Envoy starts with (`BOOTSTRAP`), which is settled when a pod is made.\n"
            "Proxies that run already have it when their pods are made anew."
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
    ("M3207", "warning", "nothing to time", "Weights by latency need requests; the host takes bytes only."),
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

PAGES: tuple[Page, ...] = (
    *_READING,
    *_OBJECT,
    *_EFFECT,
    *VALUES,
    *VIRTUAL_SERVICE,
    *DESTINATION_RULE,
    *_GATEWAY,
    *_SERVICE_ENTRY,
    *_LATER,
    *SECURITY,
    *LEGACY,
    *_MESH,
    *ROUTING,
    *SIDECARS,
    *PROXIES,
    *INJECTION,
    *_HOSTS,
    *_PROXIES,
    *IDENTITY,
)
