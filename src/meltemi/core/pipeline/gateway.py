"""What a gateway gets: listeners, route tables, virtual hosts.

Place:  view/gateway → [pipeline/gateway] → pipeline/slots
"""

from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.auto_passthrough import passing_slots
from meltemi.core.pipeline.outbound import listener_resource
from meltemi.core.pipeline.slot import Call, Slot
from meltemi.core.pipeline.virtual_host import gateway_host_body, misdirected_body, nobody_body, table_body
from meltemi.core.view.gateway import (
    Place,
    elsewhere,
    gateway_listener,
    gateway_places,
    gateway_tables,
    place_of,
    served_at,
)
from meltemi.core.view.http_settings import host_headers


def gateway_slots(e: Engine, scope: Scope) -> tuple[Slot, ...]:
    """Everything of one gateway, by name."""
    place = place_of(scope)
    slots = [
        Slot(
            type=ResourceType.LISTENER,
            name=f"{address}_{port}",
            body=Call(function=gateway_listener_body, args=(place, address, port)),
        )
        for address, port in e.get(gateway_places, place)
    ]
    slots += e.get(passing_slots, scope)
    for table in e.get(gateway_tables, place):
        slots += _table(e, place, table)
    return tuple(slots)


def _table(e: Engine, place: Place, table: str) -> list[Slot]:
    served = e.get(served_at, place, table)
    slots = [Slot(type=ResourceType.ROUTES, name=table, body=Call(function=table_body, args=(table,)))]
    slots += [
        Slot(
            type=ResourceType.VIRTUAL_HOST,
            name=f"{table}/{s.domain}:{s.number}",
            body=Call(function=gateway_host_body, args=(table, s, place.namespace, host_headers(place.proxy))),
        )
        for s in served
    ]
    port = int(table.split(".")[1])
    if others := e.get(elsewhere, place, table):
        body = Call(function=misdirected_body, args=(table, port, others))
        slots.append(Slot(type=ResourceType.VIRTUAL_HOST, name=f"{table}/misdirected:{port}", body=body))
    if all(s.domain != "*" for s in served):
        body = Call(function=nobody_body, args=(table, port))
        slots.append(Slot(type=ResourceType.VIRTUAL_HOST, name=f"{table}/blackhole:{port}", body=body))
    return slots


def gateway_listener_body(e: Engine, place: Place, address: str, port: int) -> Resource | None:
    """One listener of a gateway."""
    settled = e.get(gateway_listener, place, address, port)
    return listener_resource(settled) if settled else None
