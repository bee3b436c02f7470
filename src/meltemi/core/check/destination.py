"""Rules for destinations and their weights, of HTTP, TLS and TCP routes and of mirrors.

Place:  model/traffic → [check/destination] → view/route
"""

from collections.abc import Iterator, Sequence

from meltemi.core.check.names import check_host, check_port, is_label
from meltemi.core.check.report import at, error, required
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.common import Destination
from meltemi.core.model.traffic.virtual_service import HTTPRouteDestination, RouteDestination


def check_destination(destination: Destination | None, path: Path) -> Iterator[Finding]:
    """Host, subset and port; None is sound."""
    if destination is None:
        return
    if destination.host == "*":
        yield error("M2002", at(path, "host"), "a destination cannot be '*'", "name one host")
    elif not destination.host:
        yield required(path, "host")
    else:
        yield from check_host(destination.host, at(path, "host"))
    if destination.subset and not is_label(destination.subset):
        yield error("M2203", at(path, "subset"), f"{destination.subset!r} is no name of a subset")
    if destination.port is not None:
        if destination.port.name:
            yield error(
                "M2003", at(path, "port", "name"), "a destination's port is chosen by number", "write 'number: …'"
            )
        else:
            yield from check_port(destination.port.number, at(path, "port", "number"))


def check_destinations(
    routes: Sequence[HTTPRouteDestination] | Sequence[RouteDestination], path: Path, *, internal: bool
) -> Iterator[Finding]:
    """All destinations of one route. `internal`: made by a translator whose hosts need no check."""
    for i, route in enumerate(routes):
        if route.destination is None:
            yield required(at(path, i), "destination")
        if not internal:
            yield from check_destination(route.destination, at(path, i, "destination"))
        if (route.weight or 0) < 0:
            yield error("M2114", at(path, i, "weight"), f"weight {route.weight} is negative")
    if len(routes) > 1 and not sum(route.weight or 0 for route in routes):
        yield error("M2114", path, "all weights are 0, so no destination gets anything", "write 'weight: …' at each")
