"""Rules for extension providers and MeshNetworks. Their trees are read: they have no effect yet.

Place:  parse/yaml → [check/providers] → check/mesh
Source: Istio, pkg/config/validation/agent.
"""

from collections.abc import Iterator

from meltemi.core.check.names import check_port, check_subnet, host_fault, is_address, is_label
from meltemi.core.check.report import at, error, required
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.tree import Tree

ROOT = Path("")
CALLED = frozenset(
    {
        "datadog",
        "envoyExtAuthzGrpc",
        "envoyExtAuthzHttp",
        "envoyHttpAls",
        "envoyOtelAls",
        "envoyTcpAls",
        "lightstep",
        "opencensus",
        "opentelemetry",
        "sds",
        "skywalking",
        "zipkin",
    }
)
"""Providers that are services: they have `service` and `port`."""


def check_providers(tree: Tree) -> Iterator[Finding]:
    """`extensionProviders` of a MeshConfig."""
    providers = _mapping(tree).get("extensionProviders")
    names: set[str] = set()
    for i, one in enumerate(providers if isinstance(providers, list) else ()):
        path = at(ROOT, "extensionProviders", i)
        provider = _mapping(one)
        name = provider.get("name")
        if not isinstance(name, str) or not name:
            yield required(path, "name")
        elif name in names:
            yield error("M2501", at(path, "name"), f"provider {name!r} is written twice")
        names.add(str(name))
        written = [word for word in provider if word != "name"]
        if len(written) != 1:
            yield error("M2501", path, "a provider is one thing", "write one of its kinds")
        for word in written:
            if word in CALLED:
                yield from _check_called(word, _mapping(provider[word]), at(path, word))


def _check_called(word: str, settings: dict[str, Tree], path: Path) -> Iterator[Finding]:
    yield from _check_service(settings.get("service"), path)
    port = settings.get("port")
    yield from check_port(port if isinstance(port, int) else None, at(path, "port"))
    if word == "lightstep" and not settings.get("accessToken"):
        yield required(path, "accessToken")
    if word == "opentelemetry" and "http" in settings and "grpc" in settings:
        yield error("M1105", at(path, "grpc"), "'http' and 'grpc' exclude each other", "keep one of them")


def _check_service(service: Tree, path: Path) -> Iterator[Finding]:
    """`host` or `namespace/host`, without a port."""
    if not isinstance(service, str) or not service:
        yield required(path, "service")
        return
    namespace, slash, host = service.rpartition("/")
    place = at(path, "service")
    if slash and not is_label(namespace):
        yield error("M2501", place, f"{namespace!r} in {service!r} is no namespace", "write 'namespace/host'")
    fault = host_fault(host, wildcard=False)
    if fault and not is_address(host):
        yield error("M2001", place, fault, "the port stands in 'port'" if ":" in host else "")


def check_networks(tree: Tree) -> Iterator[Finding]:
    """MeshNetworks: endpoints and gateways of each network."""
    networks = _mapping(_mapping(tree).get("networks"))
    for name, one in networks.items():
        path = at(ROOT, "networks", name)
        network = _mapping(one)
        for i, entry in enumerate(_list(network.get("endpoints"))):
            yield from _check_endpoints(_mapping(entry), at(path, "endpoints", i))
        for i, entry in enumerate(_list(network.get("gateways"))):
            yield from _check_gateway(_mapping(entry), at(path, "gateways", i))


def _check_endpoints(entry: dict[str, Tree], path: Path) -> Iterator[Finding]:
    if "fromCidr" in entry:
        yield from check_subnet(str(entry["fromCidr"]), at(path, "fromCidr"))
    if "fromRegistry" in entry and not is_label(str(entry["fromRegistry"])):
        yield error("M2501", at(path, "fromRegistry"), f"{entry['fromRegistry']!r} is no name of a registry")


def _check_gateway(entry: dict[str, Tree], path: Path) -> Iterator[Finding]:
    for word in ("registryServiceName", "address"):
        host = str(entry.get(word, ""))
        fault = host_fault(host, wildcard=False)
        if word in entry and fault and not (word == "address" and is_address(host)):
            yield error("M2001", at(path, word), fault)
    port = entry.get("port")
    yield from check_port(port if isinstance(port, int) else None, at(path, "port"))


def _mapping(tree: Tree) -> dict[str, Tree]:
    return tree if isinstance(tree, dict) else {}


def _list(tree: Tree) -> list[Tree]:
    return tree if isinstance(tree, list) else []
