"""What a workload demands of its callers: PeerAuthentications of mesh, namespace and workload, merged.

Place:  model/security → [compose/peer_authentication] → view/{inbound,strict}, compose/endpoint_slices, pipeline/scope
Source: Istio, "PeerAuthentication": the narrowest policy decides, UNSET asks the next wider one, of equals the oldest
        is in force; a selector in the root namespace selects in all namespaces
"""

from collections.abc import Iterator

from meltemi.core.compose.attachments import Labels, Selecting
from meltemi.core.compose.inputs import age_of, keys, read_as
from meltemi.core.compose.mesh import mesh
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.security.peer_authentication import MutualTLSMode, PeerAuthentication
from meltemi.core.model.value import Value

GROUP = "security.istio.io"
KIND = "PeerAuthentication"


class PeerModes(Value, frozen=True, kw_only=True):
    """What holds for one workload."""

    mode: MutualTLSMode = MutualTLSMode.PERMISSIVE
    """Never UNSET."""
    ports: tuple[tuple[int, MutualTLSMode], ...] = ()
    """The workload's ports that differ, sorted."""
    origin: tuple[Origin, ...] = ()

    def at(self, port: int) -> MutualTLSMode:
        """At one port of the workload."""
        return next((mode for number, mode in self.ports if number == port), self.mode)


def peer_authentication(e: Engine, key: Key) -> PeerAuthentication | None:
    """The content of one PeerAuthentication."""
    found = read_as(e, key, PeerAuthentication)
    return found.spec if found else None


def peer_head(e: Engine, key: Key) -> Selecting | None:
    """Where one PeerAuthentication holds."""
    found = read_as(e, key, PeerAuthentication)
    if found is None:
        return None
    selector = found.spec.selector.match_labels if found.spec.selector else ()
    return Selecting(key=key, age=age_of(found), selector=selector)


def peer_heads(e: Engine) -> tuple[Selecting, ...]:
    """All PeerAuthentications, the oldest first."""
    found = (e.get(peer_head, key) for key in keys(e, GROUP, KIND))
    return tuple(sorted((h for h in found if h is not None), key=lambda h: h.age))


def peer_heads_in(e: Engine, namespace: str) -> tuple[Selecting, ...]:
    """Those of one namespace; stands between the list of all and the workloads."""
    return tuple(h for h in e.get(peer_heads) if h.key.namespace == namespace)


def peer_selectors(e: Engine) -> frozenset[str]:
    """Labels of workloads that some PeerAuthentication asks for."""
    return frozenset(name for h in e.get(peer_heads) for name, _ in h.selector)


def levels(e: Engine, namespace: str, labels: Labels) -> tuple[Key, ...]:
    """The policies that speak for a workload, the narrowest first: workload, namespace, mesh."""
    root = mesh(e).root_namespace
    own, wide = e.get(peer_heads_in, namespace), e.get(peer_heads_in, root)
    selected = [h for h in (*own, *wide) if h.selector and set(h.selector) <= set(labels)]
    whole = [next((h for h in heads if not h.selector), None) for heads in (own, wide)]
    found = (*selected[:1], *(h for h in whole if h is not None))
    return tuple(dict.fromkeys(h.key for h in found))


def peer_modes(e: Engine, namespace: str, labels: Labels) -> PeerModes:
    """What holds for a workload. `labels`: all of its labels, or those that `peer_selectors` names."""
    found = [(key, spec) for key in e.get(levels, namespace, labels) if (spec := e.get(peer_authentication, key))]
    modes = (spec.mtls.mode for _, spec in found if spec.mtls)
    mode = next((m for m in modes if m is not MutualTLSMode.UNSET), MutualTLSMode.PERMISSIVE)
    ports = found[0][1].port_level_mtls or () if found else ()
    return PeerModes(
        mode=mode,
        ports=tuple(sorted((int(port), said.mode) for port, said in ports if said.mode is not MutualTLSMode.UNSET)),
        origin=tuple(Origin(key=key) for key, _ in found),
    )


def modes_of(e: Engine, namespace: str, labels: Labels) -> PeerModes:
    """As `peer_modes`; workloads whose other labels differ share the answer."""
    asked = e.get(peer_selectors)
    return e.get(peer_modes, namespace, tuple(pair for pair in labels if pair[0] in asked))


def takes_tls(e: Engine, namespace: str, labels: Labels, port: int) -> bool:
    """Whether a workload that has a sidecar accepts mutual TLS at one of its ports."""
    return e.get(modes_of, namespace, labels).at(port) is not MutualTLSMode.DISABLE


def overruled(e: Engine) -> Iterator[tuple[Key, Key]]:
    """(policy without effect, the older one that is in force for the same workloads)."""
    first: dict[tuple[str, Labels], Key] = {}
    for head in e.get(peer_heads):
        place = (head.key.namespace, tuple(sorted(head.selector)))
        if place in first:
            yield head.key, first[place]
        first.setdefault(place, head.key)
