"""Rules for endpoints of ServiceEntries (message WorkloadEntry).

Place:  model/traffic → [check/workload_entry] → check/service_entry
"""

from collections.abc import Iterator

from meltemi.core.check.names import check_labels, check_port, check_port_name, check_unix, host_fault, is_address
from meltemi.core.check.report import at, error, warning
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.service_entry import WorkloadEntry

UNIX = "unix://"


def check_workload(
    entry: WorkloadEntry, path: Path, *, ports: frozenset[str] | None, names: bool, sockets: bool
) -> Iterator[Finding]:
    """`ports`: of the service (None: not known). `names`, `sockets`: whether host names and Unix sockets do."""
    yield from _check_address(entry, at(path, "address"), names=names, sockets=sockets)
    for name, port in entry.ports:
        place = at(path, "ports", name)
        if ports is not None and name not in ports:
            known = ", ".join(sorted(ports)) or "none"
            yield error("M2406", place, f"the service has no port {name!r}", f"its ports: {known}")
        yield from check_port_name(name, place)
        yield from check_port(port, place)
    yield from check_labels(entry.labels, at(path, "labels"))
    if entry.address.startswith(UNIX):
        if entry.ports:
            yield error("M2406", at(path, "ports"), "a Unix socket has no ports", "remove them")
        if ports is not None and len(ports) != 1:
            yield error(
                "M2406",
                at(path, "address"),
                "a Unix socket answers one port, the service has others",
                "split the service",
            )


def _check_address(entry: WorkloadEntry, path: Path, *, names: bool, sockets: bool) -> Iterator[Finding]:
    address = entry.address
    if not address and not entry.network:
        yield error("M2407", path, "the endpoint has no address", "write an IP address")
    elif not address:
        yield warning("M2407", path, f"the endpoint is only reached through a gateway of network {entry.network!r}")
    elif address.startswith(UNIX) and sockets:
        yield from check_unix(address.removeprefix(UNIX), path)
    elif not is_address(address) and not (names and not host_fault(address, wildcard=False)):
        wanted = "an IP address or a host name" if names else "an IP address"
        yield error("M2407", path, f"{address!r} is not {wanted}")
