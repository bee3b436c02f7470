"""Which authentication Policies are in force at the ports of a workload, as what is demanded today.

Place:  model/security, legacy/authentication → [compose/authentication] → compose/{rbac,request_authentication},
        view/{origins,authentication_findings}, pipeline/{inbound,extensions,runtime}
Source: Istio 1.4, "Authentication Policies", target selectors: of the service, else of its namespace, else of the mesh
"""

from msgspec import structs

from meltemi.core.compose.attachments import Labels
from meltemi.core.compose.inputs import keys, read_as
from meltemi.core.compose.peer_authentication import PeerModes, modes_of
from meltemi.core.compose.registry import port_of, service
from meltemi.core.engine.engine import Engine
from meltemi.core.legacy.authentication import demanded, origins
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.proxy import Target
from meltemi.core.model.security.authentication import DEFAULT, Policy, PrincipalBinding, TargetPort, TargetSelector
from meltemi.core.model.security.origins import Origins
from meltemi.core.model.security.peer_authentication import MutualTLSMode
from meltemi.core.model.security.request_authentication import JWTRule

GROUP = "authentication.istio.io"
KIND, MESH_KIND = "Policy", "MeshPolicy"
OTHERS = 0
"""The port that stands for all that no service names."""

Targets = tuple[Target, ...]


def authentication_policy(e: Engine, key: Key) -> Policy | None:
    """The content of one Policy or MeshPolicy."""
    found = read_as(e, key, Policy)
    return found.spec if found else None


def targets_of(e: Engine, key: Key) -> tuple[TargetSelector, ...]:
    """Which services a Policy names; a changed content leaves it equal."""
    found = e.get(authentication_policy, key)
    return found.targets if found else ()


def policies_in(e: Engine, namespace: str) -> tuple[Key, ...]:
    """The Policies of one namespace."""
    return tuple(key for key in keys(e, GROUP, KIND) if key.namespace == namespace)


def has_policies(e: Engine) -> bool:
    """Whether the mesh has any."""
    return bool(keys(e, GROUP, KIND) or keys(e, GROUP, MESH_KIND))


def wide(e: Engine, namespace: str) -> tuple[Key, ...]:
    """What speaks for a namespace as a whole."""
    own = next((key for key in e.get(policies_in, namespace) if key.name == DEFAULT), None)
    mesh = next((key for key in keys(e, GROUP, MESH_KIND) if key.name == DEFAULT), None)
    return tuple(key for key in (own or mesh,) if key is not None)


def policies_at(e: Engine, namespace: str, targets: Targets) -> tuple[Key, ...]:
    """The Policies for one port of a workload. `targets`: the services' ports behind it, none where no service is.

    Where several name one service, or several services stand behind one port, all of them hold.
    """
    found: dict[Key, None] = {}
    for t in targets:
        owner = e.get(service, t.host)
        space = owner.namespace if owner else namespace
        named = tuple(key for key in e.get(policies_in, space) if _names(e, key, t))
        found |= dict.fromkeys(named or e.get(wide, space))
    return tuple(found) if targets else e.get(wide, namespace)


def _names(e: Engine, key: Key, target: Target) -> bool:
    written = e.get(port_of, target.host, target.port)
    name = written.name if written else ""
    return any(
        one.name == target.host.partition(".")[0]
        and (not one.ports or any(_is_port(port, target, name) for port in one.ports))
        for one in e.get(targets_of, key)
    )


def _is_port(port: TargetPort, target: Target, name: str) -> bool:
    return port.number == target.port if port.number else port.name == name


def by_peer(e: Engine, namespace: str, targets: Targets) -> bool:
    """Whether the principal of requests at a port is the caller's identity."""
    found = [e.get(authentication_policy, key) for key in e.get(policies_at, namespace, targets)]
    return any(one.principal_binding is PrincipalBinding.USE_PEER for one in found if one)


def workload_modes(e: Engine, namespace: str, labels: Labels, targets: Targets) -> PeerModes:
    """What a workload demands of callers: PeerAuthentications, and Policies where they demand more."""
    modes = e.get(modes_of, namespace, labels)
    return e.get(stricter, modes, namespace, targets) if e.get(has_policies) else modes


def stricter(e: Engine, modes: PeerModes, namespace: str, targets: Targets) -> PeerModes:
    """The same modes, with what Policies demand."""
    others = e.get(policies_at, namespace, ())
    mode = _at_least(e, modes.mode, others)
    ports: dict[int, MutualTLSMode] = {}
    used = dict.fromkeys(others)
    for port in sorted({t.target for t in targets} | {number for number, _ in modes.ports}):
        behind = tuple(t for t in targets if t.target == port)
        found = e.get(policies_at, namespace, behind)
        ports[port] = _at_least(e, modes.at(port), found)
        used |= dict.fromkeys(found)
    return structs.replace(
        modes,
        mode=mode,
        ports=tuple((port, found) for port, found in ports.items() if found is not mode),
        origin=(*modes.origin, *(Origin(key=key) for key in used)),
    )


def _at_least(e: Engine, mode: MutualTLSMode, policies: tuple[Key, ...]) -> MutualTLSMode:
    found = (e.get(authentication_policy, key) for key in policies)
    strict = any(demanded(one) is MutualTLSMode.STRICT for one in found if one)
    return MutualTLSMode.STRICT if strict else mode


def origins_of(e: Engine, key: Key) -> Origins | None:
    """Whose tokens a Policy asks for."""
    found = e.get(authentication_policy, key)
    return origins(found) if found else None


def origin_rules(e: Engine) -> tuple[JWTRule, ...]:
    """Every issuer that some Policy asks for."""
    found = (e.get(origins_of, key) for kind in (KIND, MESH_KIND) for key in keys(e, GROUP, kind))
    return tuple(rule for one in found if one for rule in one.rules)


PortPolicies = tuple[tuple[int, tuple[Key, ...]], ...]


def origin_policies(e: Engine, namespace: str, targets: Targets) -> PortPolicies:
    """The workload's ports, and the Policies that ask for tokens there; nothing where none does.

    The last one stands for all other ports; those that are like it are left out.
    """
    if not e.get(has_policies):
        return ()
    others = _asking(e, e.get(policies_at, namespace, ()))
    found: dict[int, tuple[Key, ...]] = {}
    for port in sorted({t.target for t in targets}):
        behind = tuple(t for t in targets if t.target == port)
        found[port] = _asking(e, e.get(policies_at, namespace, behind))
    differing = tuple((port, policies) for port, policies in found.items() if policies != others)
    return (*differing, (OTHERS, others)) if differing or others else ()


def _asking(e: Engine, policies: tuple[Key, ...]) -> tuple[Key, ...]:
    return tuple(key for key in policies if e.get(origins_of, key))
