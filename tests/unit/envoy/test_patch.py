"""envoy/patch changes messages as Istio's reference of EnvoyFilter says: what, where, in which order."""

import json
from typing import Any

import pytest

from meltemi.core.engine.engine import Engine
from meltemi.core.envoy import pb
from meltemi.core.envoy.patch.merge import merge
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.resource import ResourceType
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meshes import mesh_of

Tree = dict[str, Any]

MESH = """
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: default}
spec:
  clusterIP: 10.0.0.1
  selector: {app: echo}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 90, targetPort: 9090}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: default}
spec:
  selector: {istio: in}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['a.example.com']}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v, namespace: default}
spec:
  hosts: [a.example.com, echo]
  gateways: [g, mesh]
  http:
  - {name: first, match: [{uri: {prefix: /first}}], route: [{destination: {host: echo, port: {number: 80}}}]}
  - {name: away, match: [{uri: {prefix: /away}}], redirect: {uri: /there}}
  - {name: rest, route: [{destination: {host: echo, port: {number: 80}}}]}
---
"""
SIDECAR = Proxy(
    role=Role.SIDECAR, id="a.default", namespace="default", addresses=("10.1.0.1",), labels=(("app", "echo"),)
)
GATEWAY = Proxy(role=Role.ROUTER, id="g.default", namespace="default", labels=(("istio", "in"),))
MANAGER = "envoy.filters.network.http_connection_manager"
LUA = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"
TCP = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
ECHO = "echo.default.svc.cluster.local"


def envoy_filter(*patches: str, name: str = "f", spec: str = "", namespace: str = "default", created: str = "") -> str:
    """An EnvoyFilter; each patch is one line of YAML."""
    stamp = f", creationTimestamp: '{created}'" if created else ""
    return (
        "---\napiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\n"
        f"metadata: {{name: {name}, namespace: {namespace}{stamp}}}\nspec:\n"
        + "".join(f"  {line}\n" for line in spec.splitlines())
        + "  configPatches:\n"
        + "".join(f"  - {patch}\n" for patch in patches)
    )


def change(apply_to: str, match: str, operation: str, value: str = "") -> str:
    """A patch in one line; `match` and `value` without their braces."""
    said = f", value: {{{value}}}" if value else ""
    return f"{{applyTo: {apply_to}, match: {{{match}}}, patch: {{operation: {operation}{said}}}}}"


def http(name: str) -> str:
    return f"{{name: {name}, typed_config: {{'@type': {LUA}, inline_code: '-- {name}'}}}}"


def compiled(text: str, proxy: Proxy = SIDECAR) -> dict[tuple[ResourceType, str], Tree]:
    """Every resource as JSON."""
    engine = mesh_of(MESH + text)
    return {(t, n): pb.to_json(t, body) for t, n, body in bodies(engine, proxy) if t is not ResourceType.RUNTIME}


def bodies(engine: Engine, proxy: Proxy = SIDECAR) -> list[tuple[ResourceType, str, bytes]]:
    found = [(s.type, s.name, s.body.run(engine)) for s in slots(engine, engine.get(scope_of, proxy))]
    return [(t, n, r.body) for t, n, r in found if r is not None]


def filters(found: dict[tuple[ResourceType, str], Tree], listener: str = "0.0.0.0_80") -> list[str]:
    """Names of the HTTP filters of a listener's first connection manager."""
    for chain in found[ResourceType.LISTENER, listener]["filterChains"]:
        for one in chain["filters"]:
            if one["name"] == MANAGER:
                return [f["name"] for f in one["typedConfig"]["httpFilters"]]
    raise AssertionError(listener)


def in_manager(operation: str, sub: str = "", context: str = "ANY", value: str = "", more: str = "") -> str:
    inside = f", subFilter: {{name: {sub}}}" if sub else ""
    match = f"context: {context}, listener: {{filterChain: {{filter: {{name: {MANAGER}{inside}}}}}}}"
    text = f", value: {value}" if value else ""
    return f"{{applyTo: HTTP_FILTER, match: {{{match}}}, patch: {{operation: {operation}{text}{more}}}}}"


ROUTER = "envoy.filters.http.router"
CORS = "envoy.filters.http.cors"
# fmt: off
PLACES = {
    #                      operation, filter, more                     → the neighbour before, after
    "before":             (("INSERT_BEFORE", ROUTER, ""),                None, ROUTER),
    "before of old name": (("INSERT_BEFORE", "envoy.router", ""),        None, ROUTER),
    "after":              (("INSERT_AFTER", CORS, ""),                   CORS, "inbound.extensions-authn"),
    "first":              (("INSERT_FIRST", "", ""),                     "", "inbound.shown"),
    "after nothing said": (("INSERT_AFTER", "", ""),                     None, ROUTER),
    "before nothing":     (("INSERT_BEFORE", "", ""),                    "", "inbound.shown"),
    "added":              (("ADD", "", ""),                              None, ROUTER),
    "after authn":        (("ADD", "", ", filterClass: AUTHN"),          "inbound.authentication", None),
    "after authz":        (("ADD", "", ", filterClass: AUTHZ"),          "inbound.allow", None),
    "before stats":       (("ADD", "", ", filterClass: STATS"),          None, ROUTER),
    "by Istio's name":    (("INSERT_AFTER", "envoy.filters.http.rbac", ""), "inbound.custom", None),
    "replaced":           (("REPLACE", CORS, ""),                        "inbound.peer", "inbound.extensions-authn"),
}
# fmt: on


@pytest.mark.parametrize(("how", "before", "after"), PLACES.values(), ids=PLACES)
def test_where_a_filter_is_put(how: tuple[str, str, str], before: str | None, after: str | None) -> None:
    operation, sub, more = how
    text = envoy_filter(in_manager(operation, sub, value=http("mine"), more=more))
    found = filters(compiled(text), "virtualInbound")
    i = found.index("mine")

    assert before is None or before == (found[i - 1] if i else "")
    assert after is None or after == found[i + 1]
    assert (CORS in found) is (operation != "REPLACE")


def test_a_filter_that_is_not_there_is_no_place() -> None:
    text = envoy_filter(
        in_manager("INSERT_BEFORE", "nobody", value=http("mine")), in_manager("REMOVE", "nobody"), in_manager("REMOVE")
    )
    assert filters(compiled(text)) == filters(compiled(""))


def test_filters_are_removed_and_merged() -> None:
    more = f"{{typed_config: {{'@type': {LUA}, stat_prefix: counted}}}}"
    text = envoy_filter(
        in_manager("REMOVE", CORS),
        in_manager("INSERT_FIRST", value=http("mine")),
        in_manager("MERGE", "mine", value=more),
    )
    found = compiled(text)
    [manager] = [
        one["typedConfig"]
        for one in found[ResourceType.LISTENER, "0.0.0.0_80"]["filterChains"][0]["filters"]
        if one["name"] == MANAGER
    ]

    assert CORS not in filters(found)
    assert manager["httpFilters"][0]["typedConfig"] == {"@type": LUA, "inlineCode": "-- mine", "statPrefix": "counted"}


@pytest.mark.parametrize(
    ("context", "inside"),
    [("SIDECAR_INBOUND", "virtualInbound"), ("SIDECAR_OUTBOUND", "0.0.0.0_80"), ("GATEWAY", None)],
)
def test_contexts(context: str, inside: str | None) -> None:
    text = envoy_filter(in_manager("INSERT_FIRST", context=context, value=http("mine")))
    found = compiled(text)

    for listener in ("virtualInbound", "0.0.0.0_80"):
        assert ("mine" in filters(found, listener)) is (listener == inside)
    assert ("mine" in filters(compiled(text, GATEWAY))) is (context == "GATEWAY")


def test_a_listener_that_callers_address_is_inbound_too() -> None:
    sidecar = (
        "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: own, namespace: default}\n"
        "spec: {ingress: [{port: {number: 8080, protocol: HTTP, name: h}, captureMode: NONE,"
        " defaultEndpoint: '127.0.0.1:9090'}]}\n"
    )
    text = sidecar + envoy_filter(in_manager("INSERT_FIRST", context="SIDECAR_INBOUND", value=http("mine")))
    found = compiled(text)
    (name,) = (n for kind, n in found if kind is ResourceType.LISTENER and n.startswith("inbound_"))

    assert "mine" in filters(found, name)


# fmt: off
CHAINS = {
    "port of the chain":  ("portNumber: 8080",                                          True),
    "another port":       ("portNumber: 8081",                                          False),
    "name":               ("name: virtualInbound",                                      True),
    "another name":       ("name: virtualOutbound",                                     False),
    "destination port":   ("filterChain: {destinationPort: 8080}",                      True),
    "other destination":  ("filterChain: {destinationPort: 9090}",                      False),
    "transport":          ("filterChain: {transportProtocol: tls}",                     True),
    "protocols":          ("filterChain: {applicationProtocols: 'h2,nobody'}", False),
    "server name":        ("filterChain: {sni: a.example.com}",                         False),
    "name of the chain":  ("filterChain: {name: nobody}",                               False),
}
# fmt: on


@pytest.mark.parametrize(("match", "yes"), CHAINS.values(), ids=CHAINS)
def test_which_chains(match: str, yes: bool) -> None:
    patch = (
        f"{{applyTo: HTTP_FILTER, match: {{context: SIDECAR_INBOUND, listener: {{{match}}}}},"
        f" patch: {{operation: INSERT_FIRST, value: {http('mine')}}}}}"
    )
    text = json.dumps(compiled(envoy_filter(patch))[ResourceType.LISTENER, "virtualInbound"])

    assert ("-- mine" in text) is yes


def test_network_filters_and_listener_filters() -> None:
    first = (
        "{applyTo: NETWORK_FILTER, match: {context: SIDECAR_OUTBOUND, listener: {portNumber: 90, filterChain: "
        "{filter: {name: envoy.filters.network.tcp_proxy}}}}, patch: {operation: MERGE, value: {typed_config: "
        f"{{'@type': {TCP}, idle_timeout: 0s}}}}}}}}"
    )
    wall = "{name: wall, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC}}"
    added = change("NETWORK_FILTER", "listener: {portNumber: 90}", "ADD", wall[1:-1])
    ear = "envoy.filters.listener.http_inspector"
    removed = (
        f"{{applyTo: LISTENER_FILTER, match: {{listener: {{name: virtualInbound, listenerFilter: {ear}}}}},"
        " patch: {operation: REMOVE}}"
    )
    found = compiled(envoy_filter(first, added, removed))
    chain = found[ResourceType.LISTENER, "10.0.0.1_90"]["defaultFilterChain"]["filters"]

    assert [one["name"] for one in chain][-2:] == ["wall", "envoy.filters.network.tcp_proxy"]
    assert chain[-1]["typedConfig"]["idleTimeout"] == "0s"
    names = [one["name"] for one in found[ResourceType.LISTENER, "virtualInbound"]["listenerFilters"]]
    assert "envoy.filters.listener.tls_inspector" in names
    assert ear not in names


def test_listeners_and_chains() -> None:
    more = "{name: more, address: {socket_address: {address: 0.0.0.0, port_value: 99}}}"
    found = compiled(
        envoy_filter(
            f"{{applyTo: LISTENER, patch: {{operation: ADD, value: {more}}}}}",
            "{applyTo: LISTENER, match: {listener: {portNumber: 90}}, patch: {operation: REMOVE}}",
            "{applyTo: LISTENER, match: {listener: {name: virtualInbound}},"
            " patch: {operation: MERGE, value: {per_connection_buffer_limit_bytes: 4096}}}",
            "{applyTo: FILTER_CHAIN, match: {listener: {name: virtualInbound, filterChain: {transportProtocol: tls}}},"
            " patch: {operation: REMOVE}}",
            "{applyTo: FILTER_CHAIN, match: {listener: {name: 0.0.0.0_80}},"
            " patch: {operation: ADD, value: {name: extra, filter_chain_match: {destination_port: 1}}}}",
        )
    )
    inbound = found[ResourceType.LISTENER, "virtualInbound"]

    assert found[ResourceType.LISTENER, "more"]["address"]["socketAddress"]["portValue"] == 99
    assert (ResourceType.LISTENER, "10.0.0.1_90") not in found
    assert inbound["perConnectionBufferLimitBytes"] == 4096
    assert all(c["filterChainMatch"].get("transportProtocol") != "tls" for c in inbound["filterChains"])
    assert found[ResourceType.LISTENER, "0.0.0.0_80"]["filterChains"][-1]["name"] == "extra"


def of_host(found: dict[tuple[ResourceType, str], Tree], name: str = f"80/{ECHO}:80") -> Tree:
    return found[ResourceType.VIRTUAL_HOST, name]


ROUTE = "{name: mine, match: {prefix: /mine}, direct_response: {status: 200}}"
# fmt: off
ROUTES: dict[str, tuple[str, str, list[str]]] = {
    "before":          ("INSERT_BEFORE", "{name: away}",             ["first", "mine", "away", "rest"]),
    "after":           ("INSERT_AFTER", "{name: first}",             ["first", "mine", "away", "rest"]),
    "after nothing":   ("INSERT_AFTER", "",                          ["first", "away", "rest", "mine"]),
    "first":           ("INSERT_FIRST", "",                          ["mine", "first", "away", "rest"]),
    "first, if there": ("INSERT_FIRST", "{name: nobody}",            ["first", "away", "rest"]),
    "added":           ("ADD", "",                                   ["first", "away", "rest", "mine"]),
    "by action":       ("INSERT_BEFORE", "{action: REDIRECT}",       ["first", "mine", "away", "rest"]),
    "removed":         ("REMOVE", "{action: REDIRECT}",              ["first", "rest"]),
    "all removed":     ("REMOVE", "{action: ANY}",                   []),
}
# fmt: on


@pytest.mark.parametrize(("operation", "route", "names"), ROUTES.values(), ids=ROUTES)
def test_routes(operation: str, route: str, names: list[str]) -> None:
    inside = f"{{name: '{ECHO}:80', route: {route}}}" if route else f"{{name: '{ECHO}:80'}}"
    value = "" if operation == "REMOVE" else ROUTE[1:-1]
    text = envoy_filter(change("HTTP_ROUTE", f"routeConfiguration: {{vhost: {inside}}}", operation, value))

    assert [one.get("name") for one in of_host(compiled(text)).get("routes", [])] == names


TABLE_HOST = "http.80/a.example.com:80"
# fmt: off
HOSTS = {
    "all":            ("",                                                       SIDECAR, f"80/{ECHO}:80", True),
    "table":          ("name: '80'",                                             SIDECAR, f"80/{ECHO}:80", True),
    "another table":  ("name: '90'",                                             SIDECAR, f"80/{ECHO}:80", False),
    "port":           ("portNumber: 80",                                         SIDECAR, f"80/{ECHO}:80", True),
    "another port":   ("portNumber: 90",                                         SIDECAR, f"80/{ECHO}:80", False),
    "domain":         (f"vhost: {{domainName: {ECHO}}}",                         SIDECAR, f"80/{ECHO}:80", True),
    "another domain": ("vhost: {domainName: nobody}",                            SIDECAR, f"80/{ECHO}:80", False),
    "gateway's port": ("portNumber: 80",                                         GATEWAY, TABLE_HOST, True),
    "gateway's name": ("name: http.80, vhost: {name: 'a.example.com:80'}",       GATEWAY, TABLE_HOST, True),
    "no TLS here":    ("gateway: default/g",                                     GATEWAY, TABLE_HOST, False),
}
# fmt: on


@pytest.mark.parametrize(("match", "proxy", "name", "yes"), HOSTS.values(), ids=HOSTS)
def test_which_virtual_hosts(match: str, proxy: Proxy, name: str, yes: bool) -> None:
    value = "response_headers_to_add: [{header: {key: x, value: z}}]"
    text = envoy_filter(change("VIRTUAL_HOST", f"routeConfiguration: {{{match}}}", "MERGE", value))

    assert ("responseHeadersToAdd" in of_host(compiled(text, proxy), name)) is yes


def test_virtual_hosts_come_and_go() -> None:
    more = f"name: more, domains: [more.example.com], routes: [{ROUTE}]"
    text = envoy_filter(
        change("VIRTUAL_HOST", "routeConfiguration: {name: '80'}", "ADD", more),
        change("VIRTUAL_HOST", f"routeConfiguration: {{vhost: {{name: '{ECHO}:80'}}}}", "REMOVE"),
        "{applyTo: ROUTE_CONFIGURATION, match: {routeConfiguration: {name: '80'}},"
        " patch: {operation: MERGE, value: {request_headers_to_remove: [x]}}}",
    )
    found = compiled(text)

    assert of_host(found, "80/more")["name"] == "80/more"
    assert (ResourceType.VIRTUAL_HOST, f"80/{ECHO}:80") not in found
    assert found[ResourceType.ROUTES, "80"]["requestHeadersToRemove"] == ["x"]


def test_the_routes_of_calls_to_the_workload_stand_in_its_listener() -> None:
    value = "{route: {timeout: 7s}}"
    match = "context: SIDECAR_INBOUND, routeConfiguration: {portNumber: 8080}"
    text = envoy_filter(f"{{applyTo: HTTP_ROUTE, match: {{{match}}}, patch: {{operation: MERGE, value: {value}}}}}")

    assert "7s" in json.dumps(compiled(text)[ResourceType.LISTENER, "virtualInbound"])


# fmt: off
CLUSTERS = {
    "all":            ("",                                       True),
    "service":        (f"service: {ECHO}",                       True),
    "another":        ("service: nobody",                        False),
    "port":           ("portNumber: 80",                         True),
    "another port":   ("portNumber: 90",                         False),
    "subset":         ("subset: v1",                             False),
    "name":           (f"name: 'outbound|80||{ECHO}'",           True),
    "name wins":      (f"name: 'outbound|80||{ECHO}', portNumber: 90", True),
}
# fmt: on


@pytest.mark.parametrize(("match", "yes"), CLUSTERS.values(), ids=CLUSTERS)
def test_which_clusters(match: str, yes: bool) -> None:
    found = compiled(envoy_filter(change("CLUSTER", f"cluster: {{{match}}}", "MERGE", "connect_timeout: 1s")))

    assert (found[ResourceType.CLUSTER, f"outbound|80||{ECHO}"]["connectTimeout"] == "1s") is yes


def test_an_inbound_cluster_is_found_by_its_service() -> None:
    match = f"context: SIDECAR_INBOUND, cluster: {{service: {ECHO}, portNumber: 8080}}"
    text = envoy_filter(
        f"{{applyTo: CLUSTER, match: {{{match}}}, patch: {{operation: MERGE, value: {{connect_timeout: 1s}}}}}}"
    )
    found = compiled(text)

    assert found[ResourceType.CLUSTER, "inbound|8080||"]["connectTimeout"] == "1s"
    assert found[ResourceType.CLUSTER, "inbound|9090||"]["connectTimeout"] != "1s"
    assert found[ResourceType.CLUSTER, f"outbound|80||{ECHO}"]["connectTimeout"] != "1s"


def test_clusters_and_extensions_are_added_and_removed() -> None:
    text = envoy_filter(
        "{applyTo: CLUSTER, patch: {operation: ADD, value: {name: mine, type: STATIC}}}",
        "{applyTo: CLUSTER, match: {context: SIDECAR_INBOUND},"
        " patch: {operation: ADD, value: {name: inside, type: STATIC}}}",
        f"{{applyTo: CLUSTER, match: {{cluster: {{name: 'outbound|90||{ECHO}'}}}}, patch: {{operation: REMOVE}}}}",
        f"{{applyTo: EXTENSION_CONFIG, patch: {{operation: ADD, value: {http('ext')}}}}}",
    )
    found = compiled(text)

    assert {(ResourceType.CLUSTER, "mine"), (ResourceType.CLUSTER, "inside")} <= found.keys()
    assert (ResourceType.CLUSTER, f"outbound|90||{ECHO}") not in found
    assert found[ResourceType.EXTENSION, "ext"]["typedConfig"]["inlineCode"] == "-- ext"
    assert (ResourceType.CLUSTER, "inside") not in compiled(text, GATEWAY)


def test_merging_lists_durations_and_wrappers() -> None:
    into = pb.Listener(name="a", listener_filters=[pb.ListenerFilter(name="x")])
    into.bind_to_port.value = True
    into.listener_filters_timeout.CopyFrom(pb.duration(5.5))
    patch = pb.Listener(listener_filters=[pb.ListenerFilter(name="y")])
    patch.bind_to_port.value = False
    patch.listener_filters_timeout.CopyFrom(pb.duration(7))
    replaced = pb.Listener.FromString(into.SerializeToString())

    merge(into, patch)
    merge(replaced, patch, replace_lists=True)

    assert [one.name for one in into.listener_filters] == ["x", "y"]
    assert [one.name for one in replaced.listener_filters] == ["y"]
    assert into.bind_to_port.value is False
    assert into.listener_filters_timeout == pb.duration(7)
    assert into.name == "a"
