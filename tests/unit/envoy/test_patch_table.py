"""Every applyTo with every operation, and every field of a match: what becomes of it, as values.

Source: Istio, reference, "EnvoyFilter"; pilot, networking/core/envoyfilter. What can have no effect is told (M2706).
"""

import pytest
from msgspec import structs

from e2e.fields.table import fields
from meltemi.core.check.validate import validate_bytes
from meltemi.core.model.proxy import Proxy
from meltemi.core.model.resource import ResourceType
from meltemi.core.model.traffic.envoy_filter import ApplyTo, Operation
from meltemi.core.pipeline.bootstrap import bootstrap_text
from meltemi.core.pipeline.findings import findings
from meshes import mesh_of
from unit.envoy.test_patch import (
    CORS,
    ECHO,
    GATEWAY,
    LUA,
    MANAGER,
    MESH,
    ROUTER,
    SIDECAR,
    Tree,
    change,
    compiled,
    envoy_filter,
)
from unit.pipeline.test_patched import pod

Found = dict[tuple[ResourceType, str], Tree]
TCP_PROXY = "envoy.filters.network.tcp_proxy"
EAR = "envoy.filters.listener.tls_inspector"
WALL = "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC"
INSPECTOR = "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"
SCRIPT = f"name: mine, typed_config: {{'@type': {LUA}, inline_code: '--'}}"
CHAIN = "0.0.0.0_8080-mtls"
CLUSTER = f"outbound|90||{ECHO}"

# fmt: off
SUBJECTS: dict[ApplyTo, tuple[str, str, str]] = {
    # applyTo                    its name, the match that finds it, and what is put in or merged
    ApplyTo.LISTENER:            ("10.0.0.1_90", "listener: {name: 10.0.0.1_90}",
                                  "name: mine, address: {socket_address: {address: 127.0.0.1, port_value: 99}}"),
    ApplyTo.FILTER_CHAIN:        (CHAIN, f"listener: {{name: virtualInbound, filterChain: {{name: {CHAIN}}}}}",
                                  "name: mine, metadata: {}"),
    ApplyTo.NETWORK_FILTER:      (TCP_PROXY, ("listener: {portNumber: 90, filterChain: "
                                  f"{{filter: {{name: {TCP_PROXY}}}}}}}"),
                                  f"name: mine, typed_config: {{'@type': {WALL}, stat_prefix: mine}}"),
    ApplyTo.HTTP_FILTER:         (CORS, ("listener: {name: 0.0.0.0_80, filterChain: "
                                  f"{{filter: {{name: {MANAGER}, subFilter: {{name: {CORS}}}}}}}}}"), SCRIPT),
    ApplyTo.LISTENER_FILTER:     (EAR, f"listener: {{name: virtualInbound, listenerFilter: {EAR}}}",
                                  f"name: mine, typed_config: {{'@type': {INSPECTOR}}}"),
    ApplyTo.ROUTE_CONFIGURATION: ("80", "routeConfiguration: {name: '80'}",
                                  "name: mine, max_direct_response_body_size_bytes: 9"),
    ApplyTo.VIRTUAL_HOST:        (f"80/{ECHO}:80", f"routeConfiguration: {{vhost: {{name: '{ECHO}:80'}}}}",
                                  "name: mine, domains: [mine]"),
    ApplyTo.HTTP_ROUTE:          ("away", ("routeConfiguration: {vhost: "
                                  f"{{name: '{ECHO}:80', route: {{name: away}}}}}}"),
                                  "name: mine, match: {prefix: /mine}, redirect: {path_redirect: /}"),
    ApplyTo.CLUSTER:             (CLUSTER, f"cluster: {{name: '{CLUSTER}'}}", "name: mine, connect_timeout: 1s"),
    ApplyTo.EXTENSION_CONFIG:    ("", "", SCRIPT),
    ApplyTo.BOOTSTRAP:           ("", "", "stats_flush_interval: 9s"),
}
OPERATIONS = (     Operation.MERGE, Operation.MERGE_AND_REPLACE_LIST, Operation.ADD, Operation.REMOVE,
                   Operation.INSERT_BEFORE, Operation.INSERT_AFTER, Operation.INSERT_FIRST, Operation.REPLACE)
TABLE = {
    # of the list:               MERGE     …REPLACE_LIST  ADD     REMOVE  …BEFORE   …AFTER   …FIRST   REPLACE
    ApplyTo.LISTENER:            ("kept",    "kept",     "end",  "gone", "end",    "end",   "end",   "told"),
    ApplyTo.FILTER_CHAIN:        ("renamed", "renamed",  "end",  "gone", "end",    "end",   "end",   "told"),
    ApplyTo.NETWORK_FILTER:      ("renamed", "renamed",  "last", "gone", "before", "after", "first", "renamed"),
    ApplyTo.HTTP_FILTER:         ("renamed", "renamed",  "last", "gone", "before", "after", "first", "renamed"),
    ApplyTo.LISTENER_FILTER:     ("renamed", "renamed",  "end",  "gone", "before", "after", "first", "renamed"),
    ApplyTo.ROUTE_CONFIGURATION: ("kept",    "kept",     "told", "told", "told",   "told",  "told",  "told"),
    ApplyTo.VIRTUAL_HOST:        ("kept",    "kept",     "end",  "gone", "end",    "end",   "end",   "kept"),
    ApplyTo.HTTP_ROUTE:          ("renamed", "renamed",  "end",  "gone", "before", "after", "first", "told"),
    ApplyTo.CLUSTER:             ("kept",    "kept",     "end",  "gone", "end",    "end",   "end",   "told"),
    ApplyTo.EXTENSION_CONFIG:    ("told",    "told",     "end",  "told", "end",    "end",   "end",   "told"),
    ApplyTo.BOOTSTRAP:           ("booted",  "booted",   "told", "told", "told",   "told",  "told",  "told"),
}
"""`kept`: changed under its name; `last`: before what must stand at the end of a chain; `told`: M2706 and no effect."""
# fmt: on
KINDS = {
    ApplyTo.LISTENER: ResourceType.LISTENER,
    ApplyTo.ROUTE_CONFIGURATION: ResourceType.ROUTES,
    ApplyTo.VIRTUAL_HOST: ResourceType.VIRTUAL_HOST,
    ApplyTo.CLUSTER: ResourceType.CLUSTER,
    ApplyTo.EXTENSION_CONFIG: ResourceType.EXTENSION,
    ApplyTo.BOOTSTRAP: ResourceType.EXTENSION,
}
CASES = [(to, how, what) for to, row in TABLE.items() for how, what in zip(OPERATIONS, row, strict=True)]


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(SUBJECTS) == set(ApplyTo) - {ApplyTo.INVALID}
    assert set(OPERATIONS) == set(Operation) - {Operation.INVALID}


def names(found: Found, apply_to: ApplyTo) -> list[str]:
    """The list in which the subject stands."""
    inbound = found[ResourceType.LISTENER, "virtualInbound"]
    match apply_to:
        case ApplyTo.FILTER_CHAIN:
            items = inbound["filterChains"]
        case ApplyTo.LISTENER_FILTER:
            items = inbound["listenerFilters"]
        case ApplyTo.NETWORK_FILTER:
            items = found[ResourceType.LISTENER, "10.0.0.1_90"]["defaultFilterChain"]["filters"]
        case ApplyTo.HTTP_FILTER:
            [chain] = found[ResourceType.LISTENER, "0.0.0.0_80"]["filterChains"]
            items = chain["filters"][-1]["typedConfig"]["httpFilters"]
        case ApplyTo.HTTP_ROUTE:
            items = found[ResourceType.VIRTUAL_HOST, f"80/{ECHO}:80"]["routes"]
        case _:
            return [name for type_, name in found if type_ is KINDS[apply_to]]
    return [one["name"] for one in items]


def wanted(plain: list[str], subject: str, what: str, mine: str) -> list[str]:
    """What the table says of a list."""
    at = plain.index(subject) if subject else 0
    return {
        "told": plain,
        "booted": plain,
        "kept": plain,
        "renamed": [*plain[:at], mine, *plain[at + 1 :]],
        "end": [*plain, mine],
        "last": [*plain[:-1], mine, plain[-1]],
        "gone": [*plain[:at], *plain[at + 1 :]],
        "before": [*plain[:at], mine, *plain[at:]],
        "after": [*plain[: at + 1], mine, *plain[at + 1 :]],
        "first": [mine, *plain],
    }[what]


def codes(text: str) -> set[str]:
    return {finding.code for finding in validate_bytes("filter.yaml", text.encode())[1]}


@pytest.mark.parametrize(("apply_to", "operation", "what"), CASES, ids=str)
def test_what_an_operation_does(apply_to: ApplyTo, operation: Operation, what: str) -> None:
    subject, match, value = SUBJECTS[apply_to]
    text = envoy_filter(change(apply_to, match, operation, "" if operation is Operation.REMOVE else value))
    plain, found = compiled(""), compiled(text)
    mine = "80/mine" if apply_to is ApplyTo.VIRTUAL_HOST else "mine"

    assert names(found, apply_to) == wanted(names(plain, apply_to), subject, what, mine)
    assert (found == plain) is (what in ("told", "booted"))
    assert ("stats_flush_interval" in bootstrap_text(mesh_of(MESH + text), SIDECAR)) is (what == "booted")
    assert codes(text) == ({"M2701", "M2706"} if what == "told" else {"M2701"})


TLS_GATEWAY = """---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: s, namespace: default}
spec:
  selector: {istio: in}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [s.example.com]
    tls: {mode: SIMPLE, credentialName: s}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: s, namespace: default}
spec: {hosts: [s.example.com], gateways: [s], http: [{route: [{destination: {host: echo, port: {number: 80}}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: s, namespace: default}
spec: {host: echo, subsets: [{name: one, labels: {version: one}}]}
---
apiVersion: v1
kind: Service
metadata: {name: in, namespace: default}
spec: {clusterIP: 10.0.0.9, selector: {istio: in}, ports: [{name: http, port: 80, targetPort: 8080}]}
"""
"""Beside MESH: a gateway that ends TLS, subsets, and a Service that leads to the gateway's port 8080."""
FILTER = (ApplyTo.HTTP_FILTER, "INSERT_FIRST", SCRIPT)
EARS = (ApplyTo.LISTENER_FILTER, "REMOVE", "")
HOST = (ApplyTo.VIRTUAL_HOST, "MERGE", "request_headers_to_remove: [x]")
BYTES = (ApplyTo.NETWORK_FILTER, "REMOVE", "")
GONE = (ApplyTo.HTTP_FILTER, "REMOVE", "")
ROUTE = (ApplyTo.HTTP_ROUTE, "MERGE", "request_headers_to_remove: [x]")
SIZE = (ApplyTo.CLUSTER, "MERGE", "per_connection_buffer_limit_bytes: 9")

# fmt: off
FIELDS: dict[str, tuple[tuple[ApplyTo, str, str], Proxy, str, str]] = {
    # field of `match`                            change, proxy → a value that meets something, one that meets nothing
    "context":                                    (FILTER, SIDECAR, "SIDECAR_INBOUND",    "GATEWAY"),
    "proxy.proxyVersion":                         (FILTER, SIDECAR, "'^1[.]'",            "'^2[.]'"),
    "proxy.metadata":                             (FILTER, SIDECAR, "{A: b}",             "{A: c}"),
    "listener.portNumber":                        (FILTER, SIDECAR, "8080",               "8081"),
    "listener.name":                              (FILTER, SIDECAR, "0.0.0.0_80",         "0.0.0.0_81"),
    "listener.listenerFilter":                    (EARS,   SIDECAR, EAR,                  "x"),
    "listener.filterChain.name":                  (FILTER, SIDECAR, CHAIN,                "x"),
    "listener.filterChain.sni":                   (FILTER, GATEWAY, "s.example.com",      "a.example.com"),
    "listener.filterChain.transportProtocol":     (FILTER, SIDECAR, "raw_buffer",         "quic"),
    "listener.filterChain.applicationProtocols":  (FILTER, SIDECAR, "'istio,istio-http/1.1'", "'istio,x'"),
    "listener.filterChain.destinationPort":       (FILTER, SIDECAR, "8080",               "80"),
    "listener.filterChain.filter.name":           (BYTES,  SIDECAR, TCP_PROXY,            "x"),
    "listener.filterChain.filter.subFilter.name": (GONE,   SIDECAR, CORS,                 "x"),
    "routeConfiguration.portNumber":              (HOST,   GATEWAY, "80",                 "8080"),
    "routeConfiguration.portName":                (HOST,   GATEWAY, "https",              "http"),
    "routeConfiguration.gateway":                 (HOST,   GATEWAY, "default/s",          "s"),
    "routeConfiguration.name":                    (HOST,   GATEWAY, "https.443.https.s.default", "http.443"),
    "routeConfiguration.vhost.name":              (HOST,   SIDECAR, f"'{ECHO}:80'",       "echo"),
    "routeConfiguration.vhost.domainName":        (HOST,   SIDECAR, "echo",               "x"),
    "routeConfiguration.vhost.route.name":        (ROUTE,  SIDECAR, "away",               "x"),
    "routeConfiguration.vhost.route.action":      (ROUTE,  SIDECAR, "REDIRECT",           "DIRECT_RESPONSE"),
    "cluster.portNumber":                         (SIZE,   SIDECAR, "90",                 "91"),
    "cluster.service":                            (SIZE,   SIDECAR, ECHO,                 "echo"),
    "cluster.subset":                             (SIZE,   SIDECAR, "one",                "two"),
    "cluster.name":                               (SIZE,   SIDECAR, "PassthroughCluster", "x"),
}
TOLD = {
    "listener.portName":              "http",
    "waypoint.portNumber":            "80",
    "waypoint.filter.name":           MANAGER,
    "waypoint.filter.subFilter.name": "x",
    "waypoint.route.name":            "x",
    "waypoint.route.action":          "ROUTE",
}
"""What has no effect, and says so."""
# fmt: on


def written(field: str, value: str) -> str:
    """A match by one field; a filter in a filter needs the outer one too, and a waypoint its context."""
    first, *rest = field.split(".")
    inner = written(".".join(rest), value) if rest else ""
    if first == "subFilter":
        return f"name: {MANAGER}, subFilter: {{{inner}}}"
    before = "context: WAYPOINT, " if first == "waypoint" else ""
    return f"{before}{first}: {{{inner}}}" if rest else f"{first}: {value}"


def test_every_field_of_a_match_is_here() -> None:
    before = "configPatches[].match."
    known = {path.removeprefix(before) for path in fields("EnvoyFilter") if path.startswith(before)}

    assert known == {*FIELDS, *TOLD}


@pytest.mark.parametrize("field", FIELDS)
def test_what_a_field_of_a_match_finds(field: str) -> None:
    (apply_to, operation, value), proxy, yes, no = FIELDS[field]
    of = structs.replace(proxy, metadata=(("A", "b"), ("ISTIO_VERSION", "1.28.0")))
    plain = compiled(TLS_GATEWAY, of)

    def changes(asked: str) -> bool:
        text = envoy_filter(change(apply_to, written(field, asked), operation, value))
        assert codes(text) == {"M2701"}
        return compiled(TLS_GATEWAY + text, of) != plain

    assert changes(yes)
    assert not changes(no)


@pytest.mark.parametrize("field", TOLD)
def test_what_finds_nothing_is_told(field: str) -> None:
    text = envoy_filter(change("HTTP_FILTER", written(field, TOLD[field]), "INSERT_FIRST", SCRIPT))

    assert "M2706" in codes(text)


ASKING = ("kept", "renamed", "gone", "booted", "before", "after")
# fmt: off
NOWHERE = {
    ApplyTo.LISTENER:            "listener: {name: x}",
    ApplyTo.FILTER_CHAIN:        "listener: {filterChain: {name: x}}",
    ApplyTo.NETWORK_FILTER:      "listener: {filterChain: {filter: {name: x}}}",
    ApplyTo.HTTP_FILTER:         f"listener: {{filterChain: {{filter: {{name: {MANAGER}, subFilter: {{name: x}}}}}}}}",
    ApplyTo.LISTENER_FILTER:     "listener: {listenerFilter: x}",
    ApplyTo.ROUTE_CONFIGURATION: "routeConfiguration: {name: x}",
    ApplyTo.VIRTUAL_HOST:        "routeConfiguration: {vhost: {name: x}}",
    ApplyTo.HTTP_ROUTE:          "routeConfiguration: {vhost: {route: {name: x}}}",
    ApplyTo.CLUSTER:             "cluster: {name: x}",
    ApplyTo.EXTENSION_CONFIG:    "context: GATEWAY",
    ApplyTo.BOOTSTRAP:           "context: GATEWAY",
}
# fmt: on


@pytest.mark.parametrize(("apply_to", "match"), NOWHERE.items(), ids=NOWHERE)
def test_a_patch_that_meets_nothing_is_told(apply_to: ApplyTo, match: str) -> None:
    """For a sidecar, by each operation that asks where, which ADD and INSERT_FIRST do not."""
    value = SUBJECTS[apply_to][2]
    asking = [how for to, how, what in CASES if to is apply_to and what in ASKING]
    operations = asking or [Operation.ADD]
    patches = (change(apply_to, match, how, "" if how is Operation.REMOVE else value) for how in operations)
    found = findings(mesh_of(MESH + pod("p") + envoy_filter(*patches)))

    assert [f.code for f in found if f.code.startswith("M27")] == ["M2708"] * len(operations)


def test_a_later_filter_is_merged_too() -> None:
    """What an earlier MERGE is about may be put in later: filters are merged last."""
    inside = f"listener: {{name: 0.0.0.0_80, filterChain: {{filter: {{name: {MANAGER}, subFilter: {{name: %s}}}}}}}}"
    text = envoy_filter(
        change("HTTP_FILTER", inside % "mine", "MERGE", f"typed_config: {{'@type': {LUA}, stat_prefix: later}}"),
        change("HTTP_FILTER", inside % ROUTER, "INSERT_BEFORE", SCRIPT),
    )
    [chain] = compiled(text)[ResourceType.LISTENER, "0.0.0.0_80"]["filterChains"]
    *_, found, _ = chain["filters"][-1]["typedConfig"]["httpFilters"]

    assert found["typedConfig"] == {"@type": LUA, "inlineCode": "--", "statPrefix": "later"}
