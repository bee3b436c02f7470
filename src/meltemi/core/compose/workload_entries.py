"""WorkloadEntries: endpoints that are no pods, written into a ServiceEntry or selected by labels.

Place:  model/traffic/service_entry → [compose/workload_entries] → compose/{service_entries,registry}
Source: Istio, "Workload Entry"; Istio, pilot, getTLSModeFromWorkloadEntry
"""

from msgspec import structs

from meltemi.core.compose.attachments import Labels
from meltemi.core.compose.hosts import is_ip
from meltemi.core.compose.inputs import keys, read_as
from meltemi.core.compose.peer_authentication import takes_tls
from meltemi.core.compose.workloads import TLS_ACCEPTED, TLS_LABEL
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.registry.service import Endpoint
from meltemi.core.model.traffic.service_entry import WorkloadEntry
from meltemi.core.model.units import PortNumber

GROUP = "networking.istio.io"
KIND = "WorkloadEntry"
UNIX = "unix:"


def entry_workload(e: Engine, key: Key) -> WorkloadEntry | None:
    """One WorkloadEntry; its metadata's labels are its own where it does not say otherwise."""
    found = read_as(e, key, WorkloadEntry)
    if found is None:
        return None
    labels = dict(found.meta.labels) | dict(found.spec.labels)
    return structs.replace(found.spec, labels=tuple(sorted(labels.items())))


def entry_labels(e: Engine, key: Key) -> Labels:
    """The labels of one; stands between its other fields and the selectors that read it."""
    found = e.get(entry_workload, key)
    return found.labels if found else ()


def entries_in(e: Engine, namespace: str) -> tuple[Key, ...]:
    """All WorkloadEntries of a namespace."""
    return tuple(key for key in keys(e, GROUP, KIND) if key.namespace == namespace)


def selected_entries(e: Engine, namespace: str, selector: Labels) -> tuple[Key, ...]:
    """WorkloadEntries of a namespace by labels; an empty selector takes all."""
    wanted = set(selector)
    return tuple(key for key in e.get(entries_in, namespace) if wanted <= set(e.get(entry_labels, key)))


def endpoints_selected(
    e: Engine, namespace: str, selector: Labels, names: tuple[str, ...], default: int
) -> tuple[Endpoint, ...]:
    """What selected WorkloadEntries give to a port. Addresses that are names are left out: only DNS could find them."""
    found = (e.get(entry_workload, key) for key in e.get(selected_entries, namespace, selector))
    made = (endpoint_of(e, one, names, default, namespace) for one in found if one is not None)
    return tuple(x for x in made if x is not None and is_place(x.address))


def endpoint_of(
    e: Engine, written: WorkloadEntry, names: tuple[str, ...], default: int, namespace: str
) -> Endpoint | None:
    """What one WorkloadEntry gives to a port: its own port by the first of `names` that it has, or `default`."""
    if not written.address:
        return None
    ports = dict(written.ports)
    number = next((ports[name] for name in names if ports.get(name)), default)
    return Endpoint(
        address=written.address,
        port=PortNumber(0 if written.address.startswith(UNIX) else number),
        labels=written.labels,
        weight=written.weight or 1,
        locality=written.locality,
        network=written.network,
        namespace=namespace,
        service_account=written.service_account,
        tls=_has_sidecar(written) and takes_tls(e, namespace, written.labels, number),
    )


def _has_sidecar(written: WorkloadEntry) -> bool:
    """The label says so; without it, who has an account has a sidecar."""
    said = dict(written.labels).get(TLS_LABEL)
    return said == TLS_ACCEPTED if said is not None else bool(written.service_account)


def is_place(address: str) -> bool:
    """Whether an endpoint's address needs no DNS: an IP address or a Unix socket."""
    return is_ip(address) or address.startswith(UNIX)
