"""From a written destination to the cluster that stands for it.

Place:  compose/registry, model/traffic Destination → [view/destination] → view/route, view/tcp_route

The small cells here stand between a service's changes and the routes to it.
"""

from meltemi.core.compose.destination_rules import subsets_of
from meltemi.core.compose.hosts import qualified
from meltemi.core.compose.registry import real_host, service
from meltemi.core.compose.service_entries import dialled_hosts
from meltemi.core.compose.visibility import ALL_PORTS, seen, visible
from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Sight
from meltemi.core.model.registry.service import AppProtocol, Resolution
from meltemi.core.model.traffic.common import Destination
from meltemi.core.model.value import Value
from meltemi.core.view.names import cluster_name


class Target(Value, frozen=True, kw_only=True, order=True):
    """A destination, completed."""

    host: str
    port: int
    subset: str = ""
    fixed: str = ""
    """A cluster that every proxy has (`PassthroughCluster`), instead of a service's."""

    @property
    def cluster(self) -> str:
        """Name of the cluster, whether or not there is one."""
        return self.fixed or cluster_name("outbound", self.port, self.subset, self.host)


def ports(e: Engine, host: str) -> tuple[int, ...]:
    """Port numbers of a service that have clusters; an ExternalName has none of its own."""
    found = e.get(service, host)
    if found is None or found.resolution is Resolution.ALIAS:
        return ()
    return tuple(p.number for p in found.ports if p.protocol is not AppProtocol.UDP)


def seen_ports(e: Engine, host: str, sight: Sight) -> tuple[int, ...]:
    """As `ports`, of those that the Sidecar in force lets be seen."""
    numbers = e.get(ports, host)
    if sight.sidecar is None:
        return numbers
    shown = e.get(seen, host, sight.wide)
    return numbers if ALL_PORTS in shown else tuple(n for n in numbers if n in shown)


def dialled(e: Engine, to: Target) -> int:
    """The port at which a host is called that the caller names; 0 where the destination's endpoints are known."""
    found = e.get(service, to.host)
    port = next((p for p in found.ports if p.number == to.port), None) if found else None
    if found is None or port is None or found.resolution is not Resolution.DYNAMIC:
        return 0
    return port.target if isinstance(port.target, int) else port.number


def dialled_of(e: Engine, to: tuple[Target, ...]) -> int:
    """As `dialled`, of the first destination of several whose host the caller names."""
    return next((port for one in to if (port := e.get(dialled, one))), 0)


def sees_dialled(e: Engine, sight: Sight) -> bool:
    """Whether some destination that is seen is a host that the caller names."""
    return any(_is_dialled(e, host) and visible(e, host, sight.wide) for host in e.get(dialled_hosts))


def _is_dialled(e: Engine, host: str) -> bool:
    found = e.get(service, host)
    return found is not None and found.resolution is Resolution.DYNAMIC


def target(e: Engine, written: Destination, *, namespace: str, port: int) -> Target:
    """Complete a destination written in a document of `namespace`, for traffic that was addressed to `port`.

    Source: Istio, message Destination: the port may be left out where the service has one only.
    """
    host = real_host(e, qualified(written.host.lower(), namespace))
    number = written.port.number if written.port else None
    if not number:
        own = e.get(ports, host)
        number = own[0] if len(own) == 1 else port
    return Target(host=host, port=number, subset=written.subset)


def exists(e: Engine, to: Target, sight: Sight) -> bool:
    """Whether proxies have a cluster for it: Envoy answers 503 for a cluster it does not know."""
    if to.fixed:
        return True
    if not visible(e, to.host, sight.wide) or to.port not in seen_ports(e, to.host, sight.wide):
        return False
    return not to.subset or to.subset in subsets_of(e, to.host, sight.namespace)
