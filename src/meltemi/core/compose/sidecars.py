"""Which Sidecar is in force for a workload, and what each of its egress listeners names.

Place:  model/traffic/sidecar → [compose/sidecars] → compose/{virtual_services,visibility}, pipeline/scope, view
Source: Istio, "Sidecar": one that selects the workload comes before one for its namespace, and that before one for the
        namespace of the mesh; of equals the oldest is in force
"""

from collections.abc import Iterator, Mapping

from msgspec import structs

from meltemi.core.compose.attachments import Labels, Selecting
from meltemi.core.compose.hosts import common, covers
from meltemi.core.compose.inputs import age_of, keys, read_as
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.protocols import entry_protocol
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.proxy import Sight
from meltemi.core.model.registry.service import AppProtocol, ServicePort
from meltemi.core.model.traffic.sidecar import CaptureMode, IstioEgressListener, Sidecar
from meltemi.core.model.value import Value

GROUP = "networking.istio.io"
KIND = "Sidecar"
EVERY = "*"
"""Any namespace, or any host."""


class Hosts(Value, frozen=True, kw_only=True):
    """What one egress listener names of one namespace."""

    exact: frozenset[str] = frozenset()
    wildcards: tuple[str, ...] = ()

    def has(self, host: str) -> bool:
        """Whether a service is named."""
        return host in self.exact or any(covers(w, host) for w in self.wildcards)

    def meets(self, host: str) -> bool:
        """Whether some name that a VirtualService's host stands for is named."""
        return self.has(host) or any(common(host, n) is not None for n in (*self.exact, *self.wildcards))


Named = Mapping[str, Hosts]
"""Namespace (`*` for all) → hosts."""


def sidecar(e: Engine, key: Key) -> Sidecar | None:
    """The content of one Sidecar."""
    found = read_as(e, key, Sidecar)
    return found.spec if found else None


def sidecar_head(e: Engine, key: Key) -> Selecting | None:
    """Where one Sidecar holds."""
    found = read_as(e, key, Sidecar)
    if found is None:
        return None
    selector = found.spec.workload_selector.labels if found.spec.workload_selector else ()
    return Selecting(key=key, age=age_of(found), selector=selector)


def sidecar_heads(e: Engine) -> tuple[Selecting, ...]:
    """All Sidecars, the oldest first."""
    found = (e.get(sidecar_head, key) for key in keys(e, GROUP, KIND))
    return tuple(sorted((h for h in found if h is not None), key=lambda h: h.age))


def sidecar_heads_in(e: Engine, namespace: str) -> tuple[Selecting, ...]:
    """Those of one namespace; stands between the list of all and the workloads."""
    return tuple(h for h in e.get(sidecar_heads) if h.key.namespace == namespace)


def sidecar_selectors(e: Engine) -> frozenset[str]:
    """Labels of workloads that some Sidecar asks for."""
    return frozenset(name for h in e.get(sidecar_heads) for name, _ in h.selector)


def sidecar_for(e: Engine, namespace: str, labels: Labels) -> Key | None:
    """The Sidecar in force for a workload. `labels`: all of its labels, or those that `sidecar_selectors` names."""
    own, wide = e.get(sidecar_heads_in, namespace), e.get(sidecar_heads_in, mesh(e).root_namespace)
    selected = (h for h in own if h.selector and set(h.selector) <= set(labels))
    whole = (h for heads in (own, wide) for h in heads if not h.selector)
    return next((h.key for h in (*selected, *whole)), None)


def narrows(e: Engine, key: Key) -> bool:
    """Whether a Sidecar says which hosts are seen; without egress listeners all are."""
    found = e.get(sidecar, key)
    return found is not None and bool(found.egress)


def binds(e: Engine, key: Key) -> bool:
    """Whether a Sidecar has ingress listeners that callers reach without interception."""
    found = e.get(sidecar, key)
    return found is not None and any(one.capture_mode is CaptureMode.NONE for one in found.ingress)


def egress(e: Engine, sight: Sight) -> tuple[IstioEgressListener, ...]:
    """The egress listeners of the Sidecar that narrows a sight."""
    found = e.get(sidecar, sight.sidecar) if sight.sidecar else None
    return found.egress if found else ()


def port_of_listener(listener: IstioEgressListener) -> int | None:
    """The port that a listener is for; 0 for a Unix socket, None for all the rest."""
    return None if listener.port is None else listener.port.number or 0


def spoken_at(listener: IstioEgressListener, port: ServicePort) -> AppProtocol:
    """What is spoken on a service's port at a listener: what the Sidecar says, else what the service says."""
    said = listener.port
    return entry_protocol(said.protocol, said.name, port.number) if said and said.protocol else port.protocol


def narrow(e: Engine, sight: Sight) -> tuple[tuple[int | None, Sight], ...]:
    """(port or None for all the rest, what is seen there) of each egress listener."""
    if sight.sidecar is None:
        return ((None, sight),)
    found = enumerate(e.get(egress, sight))
    return tuple((port_of_listener(listener), _at(sight, i)) for i, listener in found)


def _at(sight: Sight, listener: int) -> Sight:
    return structs.replace(sight, listener=listener)


def sight_at(e: Engine, sight: Sight, port: int) -> Sight | None:
    """What is seen by calls to one port: by the listener for it, else by the one for the rest; None for neither."""
    found = dict(e.get(narrow, sight))
    return found.get(port, found.get(None))


def named(e: Engine, sight: Sight) -> Named:
    """What the egress listener of a sight names."""
    return named_by(e.get(egress, sight)[sight.listener or 0].hosts, sight.namespace)


def named_by(written: tuple[str, ...], own: str) -> Named:
    """What `namespace/host` entries name; `.` is the workload's own namespace."""
    exact: dict[str, set[str]] = {}
    wildcards: dict[str, list[str]] = {}
    for namespace, host in _parts(written, own):
        if host.startswith(EVERY):
            wildcards.setdefault(namespace, []).append(host)
        else:
            exact.setdefault(namespace, set()).add(host)
    return {
        namespace: Hosts(exact=frozenset(exact.get(namespace, ())), wildcards=tuple(wildcards.get(namespace, ())))
        for namespace in (*exact, *wildcards)
    }


def _parts(written: tuple[str, ...], own: str) -> Iterator[tuple[str, str]]:
    for entry in written:
        namespace, _, host = entry.partition("/")
        yield own if namespace == "." else namespace, host.lower()


def names_service(found: Named, namespace: str, host: str) -> bool:
    """Whether a service of a namespace is named."""
    return any(found[n].has(host) for n in (namespace, EVERY) if n in found)


def names_rule(found: Named, namespace: str, hosts: tuple[str, ...]) -> bool:
    """Whether a VirtualService of a namespace is named, by any of its hosts."""
    return any(found[n].meets(host) for n in (namespace, EVERY) if n in found for host in hosts)
