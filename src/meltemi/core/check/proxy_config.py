"""Rules for `defaultConfig` of the mesh, which is ProxyConfig. Its tree is read: the injector hands it on.

Place:  parse/yaml → [check/proxy_config] → check/mesh
Source: Istio, pkg/config/validation/agent.
"""

from collections.abc import Iterator

from meltemi.core.check.names import check_port, host_fault, is_address
from meltemi.core.check.report import at, error, required
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.tree import Tree
from meltemi.core.parse.durations import duration

_ADDRESSES = (
    ("discoveryAddress",),
    ("statsdUdpAddress",),
    ("envoyMetricsServiceAddress",),
    ("envoyMetricsService", "address"),
    ("envoyAccessLogService", "address"),
    ("tracing", "zipkin", "address"),
    ("tracing", "lightstep", "address"),
    ("tracing", "datadog", "address"),
)
_PORTS = ("proxyAdminPort", "statusPort")
_NAMES = ("configPath", "binaryPath", "serviceCluster", "discoveryAddress")


def check_default_config(tree: Tree, path: Path) -> Iterator[Finding]:
    """What is written must be possible; what is not written has its default."""
    if not isinstance(tree, dict):
        return
    for name in _NAMES:
        if tree.get(name) == "":
            yield required(path, name)
    for name in _PORTS:
        port = tree.get(name)
        if name in tree:
            yield from check_port(port if isinstance(port, int) else None, at(path, name))
    for steps in _ADDRESSES:
        address = _below(tree, steps)
        if isinstance(address, str) and (address or len(steps) > 1):
            yield from _check_endpoint(address.replace("$(HOST_IP)", "127.0.0.1"), at(path, *steps))
    drain = tree.get("drainDuration")
    if isinstance(drain, str):
        yield from _check_drain(drain, at(path, "drainDuration"))
    lightstep = _below(tree, ("tracing", "lightstep"))
    if isinstance(lightstep, dict) and not lightstep.get("accessToken"):
        yield required(at(path, "tracing", "lightstep"), "accessToken")
    yield from _check_private_key(tree.get("privateKeyProvider"), at(path, "privateKeyProvider"))


def _below(tree: Tree, steps: tuple[str, ...]) -> Tree:
    for step in steps:
        tree = tree.get(step) if isinstance(tree, dict) else None
    return tree


def _check_endpoint(address: str, path: Path) -> Iterator[Finding]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        yield error("M2501", path, f"{address!r} is no 'host:port'")
        return
    yield from check_port(int(port), path)
    bare = host.removeprefix("[").removesuffix("]")
    fault = host_fault(bare, wildcard=False)
    if fault and not is_address(bare):
        yield error("M2001", path, fault)


def _check_drain(text: str, path: Path) -> Iterator[Finding]:
    seconds = duration(text)
    if seconds is None or seconds < 1 or seconds % 1:
        yield error("M2501", path, f"{text!r} is no duration of whole seconds")


def _check_private_key(tree: Tree, path: Path) -> Iterator[Finding]:
    if not isinstance(tree, dict):
        return
    for name in ("cryptomb", "qat"):
        provider = tree.get(name)
        if not isinstance(provider, dict):
            continue
        delay = provider.get("pollDelay")
        if not (isinstance(delay, str) and duration(delay)):
            yield error(
                "M2501", at(path, name, "pollDelay"), "a time between polls is needed", "write 'pollDelay: 10ms'"
            )
