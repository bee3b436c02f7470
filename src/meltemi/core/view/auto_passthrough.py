"""Servers of mode AUTO_PASSTHROUGH: mutual TLS of the mesh goes on, unopened, to the service that its server name says.

Place:  compose/{gateways,registry}, view/cluster → [view/auto_passthrough] → view/gateway, pipeline/auto_passthrough
Source: Istio, message ServerTLSSettings.TLSmode: the server name is `outbound_.PORT_.SUBSET_.HOST`; no VirtualService
"""

from msgspec import structs

from meltemi.core.compose.attachments import Labels
from meltemi.core.compose.destination_rules import rules_for, selector_names, subset_names
from meltemi.core.compose.gateways import Bound, server_hosts
from meltemi.core.compose.hosts import covers
from meltemi.core.compose.registry import service
from meltemi.core.compose.visibility import visible_hosts
from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Sight
from meltemi.core.model.registry.service import Resolution, Service
from meltemi.core.model.traffic.gateway import ServerTLSMode
from meltemi.core.view.cluster import Cluster, outbound_cluster
from meltemi.core.view.destination import ports
from meltemi.core.view.endpoints import From, Group, assignment
from meltemi.core.view.listener import TLS, Chain, ChainMatch, Share
from meltemi.core.view.names import server_name
from meltemi.core.view.traffic_policy import Aim

_ELSEWHERE = (Resolution.ALIAS, Resolution.DYNAMIC)


def passes_on(server: Bound) -> bool:
    """Whether a server is of this mode."""
    tls = server.server.tls
    return tls is not None and tls.mode is ServerTLSMode.AUTO_PASSTHROUGH


def passed(e: Engine, server: Bound, namespace: str, labels: Labels) -> tuple[Aim, ...]:
    """What a server leads to: ports and subsets of the mesh's own services whose hosts it has."""
    sight = Sight(namespace=namespace)
    found: list[Aim] = []
    for host in e.get(visible_hosts, sight):
        if not _serves(server, e.get(service, host)):
            continue
        asked = e.get(selector_names, host, namespace)
        rules = e.get(rules_for, host, namespace, tuple(pair for pair in labels if pair[0] in asked))
        subsets = ("", *e.get(subset_names, rules))
        found += [Aim(host=host, port=port, subset=s, rules=rules) for port in e.get(ports, host) for s in subsets]
    return tuple(found)


def _serves(server: Bound, found: Service | None) -> bool:
    if found is None or found.mesh_external or found.resolution in _ELSEWHERE:
        return False
    return any(
        place in ("*", found.namespace) and covers(pattern, found.host) for place, pattern in server_hosts(server)
    )


def passing_chain(aim: Aim) -> Chain:
    """Connections to one port of one subset."""
    name = server_name(aim.port, aim.subset, aim.host)
    return Chain(
        name=name,
        match=ChainMatch(server_names=(name,), transport=TLS),
        shares=(Share(cluster=name),),
        stat_prefix=name,
    )


def passing_cluster(e: Engine, aim: Aim) -> Cluster | None:
    """Where they go: as they are, for they are encrypted already."""
    found = e.get(outbound_cluster, aim, True)
    if found is None:
        return None
    name = server_name(aim.port, aim.subset, aim.host)
    return structs.replace(found, name=name, stat_name="", tls=None, mutual=None)


def passing_endpoints(e: Engine, aim: Aim, client: From) -> tuple[Group, ...]:
    """Those that take mutual TLS."""
    groups = e.get(assignment, aim, client)
    taking = (structs.replace(g, endpoints=tuple(x for x in g.endpoints if x.tls)) for g in groups)
    return tuple(group for group in taking if group.endpoints)
