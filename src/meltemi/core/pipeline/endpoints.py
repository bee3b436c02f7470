"""The endpoints of a scope's clusters.

Place:  view/endpoints → envoy/endpoints → [pipeline/endpoints] → pipeline/slots

A resource of its own for each cluster: one pod that comes or goes sends the endpoints of its services only.
"""

from meltemi.core.compose.registry import service
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy.endpoints import load_assignment
from meltemi.core.model.proxy import Role, Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.clusters import Group, Wanted, common_groups, groups_of, has_common, wanted_clusters
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.view.cluster import Discovery, discovery
from meltemi.core.view.endpoints import From, assignment, from_of
from meltemi.core.view.traffic_policy import Aim


def endpoint_slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    """Endpoints of all clusters that do not find them themselves."""
    client = From(locality=scope.locality, labels=scope.labels)
    common = e.get(common_endpoints, scope.role is Role.ROUTER, client) if has_common(scope) else ()
    return (*common, *(slot for group in e.get(groups_of, scope) for slot in e.get(group_endpoints, group, client)))


def common_endpoints(e: Engine, gateway: bool, client: From) -> tuple[Slot, ...]:
    """Those of hosts that are the same to all clients, listed once for all in one place."""
    return tuple(slot for group in e.get(common_groups, gateway) for slot in e.get(group_endpoints, group, client))


def group_endpoints(e: Engine, group: Group, client: From) -> tuple[Slot, ...]:
    """Those of one host."""
    return tuple(_slot(e, w, client) for w in e.get(wanted_clusters, group) if _pushed(e, w))


def _pushed(e: Engine, wanted: Wanted) -> bool:
    kind = e.get(discovery, wanted.aim, wanted.gateway)
    return kind is Discovery.EDS


def _slot(e: Engine, wanted: Wanted, client: From) -> Slot:
    place = e.get(from_of, wanted.aim, client)
    body = Call(function=endpoints_body, args=(wanted.aim, place))
    return Slot(type=ResourceType.ENDPOINTS, name=wanted.aim.cluster, body=body)


def endpoints_body(e: Engine, aim: Aim, client: From) -> Resource | None:
    """The endpoints of one cluster, for clients in one place."""
    found = e.get(service, aim.host)
    if found is None:
        return None
    message = load_assignment(aim.cluster, e.get(assignment, aim, client))
    return resource_of(ResourceType.ENDPOINTS, message, name=aim.cluster, origin=(found.origin,))
