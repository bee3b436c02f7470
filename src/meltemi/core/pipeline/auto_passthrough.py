"""Clusters and endpoints of a gateway for servers of mode AUTO_PASSTHROUGH.

Place:  view/auto_passthrough → envoy/{cluster,endpoints} → [pipeline/auto_passthrough] → pipeline/gateway
"""

from meltemi.core.compose.gateways import bound_servers, sharing
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy.cluster import cluster_message
from meltemi.core.envoy.endpoints import load_assignment
from meltemi.core.model.proxy import Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.view.auto_passthrough import passed, passes_on, passing_cluster, passing_endpoints
from meltemi.core.view.cluster import Discovery, discovery
from meltemi.core.view.endpoints import From, from_of
from meltemi.core.view.names import server_name
from meltemi.core.view.traffic_policy import Aim


def passing_slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    """Of all such servers together."""
    bound = e.get(bound_servers, scope.labels, scope.targets).values()
    servers = (server for those in bound for server in sharing(those) if passes_on(server))
    aims = dict.fromkeys(aim for server in servers for aim in e.get(passed, server, scope.namespace, scope.labels))
    client = From(locality=scope.locality, labels=scope.labels)
    return tuple(slot for aim in aims for slot in _slots(e, aim, client))


def _slots(e: Engine, aim: Aim, client: From) -> tuple[Slot, ...]:
    name = server_name(aim.port, aim.subset, aim.host)
    cluster = Slot(type=ResourceType.CLUSTER, name=name, body=Call(function=passing_cluster_body, args=(aim,)))
    if e.get(discovery, aim, True) is not Discovery.EDS:
        return (cluster,)
    body = Call(function=passing_endpoints_body, args=(aim, e.get(from_of, aim, client)))
    return cluster, Slot(type=ResourceType.ENDPOINTS, name=name, body=body)


def passing_cluster_body(e: Engine, aim: Aim) -> Resource | None:
    """One cluster."""
    settled = e.get(passing_cluster, aim)
    return resource_of(ResourceType.CLUSTER, cluster_message(settled), origin=settled.origin) if settled else None


def passing_endpoints_body(e: Engine, aim: Aim, client: From) -> Resource:
    """Its endpoints."""
    name = server_name(aim.port, aim.subset, aim.host)
    message = load_assignment(name, e.get(passing_endpoints, aim, client))
    return resource_of(ResourceType.ENDPOINTS, message, name=name)
