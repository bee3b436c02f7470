"""What stands between callers without mutual TLS and the workload, so that they can be cut off: clusters of their own.

Place:  view/cluster → [view/plain] → view/inbound, envoy/{plain,inbound}, pipeline/{inbound,patched}
Source: Envoy, "Health checking"; how it was found is in docs/design/0026

A caller that only listens meets no filter. What ends its connection is Envoy's own: bytes that `tcp_proxy` hands on
are cut as soon as the endpoint is known to be ill, and a health check may ask Envoy itself whether plain callers are
served. Requests know no such end, so theirs go through a listener inside of Envoy first, which hands on bytes.
"""

from enum import StrEnum

from msgspec import structs

from meltemi.core.model.registry.service import AppProtocol
from meltemi.core.model.security.peer_authentication import MutualTLSMode
from meltemi.core.view.cluster import Cluster
from meltemi.core.view.connection_pool import Pool
from meltemi.core.view.names import INBOUND_PASSTHROUGH_CLUSTER, cluster_name

INSIDE = "plain"
"""The listener inside of Envoy through which requests of plain callers go."""
HEALTH = "plain-health"
"""The one that says whether plain callers are served."""
ALL_OTHERS = 0
"""In place of a port: those that no service names."""
_ALWAYS = 100  # per cent


class Way(StrEnum):
    """A cluster of plain callers at one port; its value stands in the cluster's name, where others have a direction."""

    BYTES = "plain"
    """To the workload."""
    REQUESTS = "plain-http"
    """To the listener inside."""
    BEHIND = "plain-behind"
    """From there to the workload."""


def plain_name(port: int, way: Way) -> str:
    """The name of a cluster, e.g. `plain|8080||`. Only those that users know are called inbound."""
    return cluster_name(way, port)


def known_as(name: str) -> str:
    """The name of the cluster that users know for one of these; any other is known as itself.

    What stands behind the listener inside is nobody's: callers are counted, and limited, before it.
    """
    direction, _, rest = name.partition("|")
    if direction not in (Way.BYTES, Way.REQUESTS) or not rest:
        return name
    port = int(rest.partition("|")[0])
    return INBOUND_PASSTHROUGH_CLUSTER if port == ALL_OTHERS else cluster_name("inbound", port)


def ways(protocol: AppProtocol, mode: MutualTLSMode) -> tuple[Way, ...]:
    """What a port needs. Under STRICT there is no plain caller."""
    if mode is MutualTLSMode.STRICT:
        return ()
    if protocol is AppProtocol.AUTO:
        return tuple(Way)
    return (Way.REQUESTS, Way.BEHIND) if protocol.is_http else (Way.BYTES,)


def plain_cluster(usual: Cluster, port: int, way: Way) -> Cluster:
    """A cluster of plain callers. `usual`: that of all others; both are counted together."""
    name, stat_name = plain_name(port, way), usual.stat_name or usual.name
    if way is Way.REQUESTS:
        return structs.replace(usual, name=name, stat_name=stat_name, through=INSIDE)
    # Whoever is served is served whatever the check has found: it is there to cut, not to choose.
    balancer = structs.replace(usual.balancer, panic=_ALWAYS)
    watched = structs.replace(usual, name=name, stat_name=stat_name, balancer=balancer, watched=port)
    if way is Way.BYTES:
        return watched
    pool = Pool(connect_timeout=usual.pool.connect_timeout, keepalive=usual.pool.keepalive)
    # Not called inbound: a connection that waits for requests is none that draining waits for (shell/agent/drain).
    return structs.replace(watched, stat_name=f"{way}|{port}", pool=pool)
