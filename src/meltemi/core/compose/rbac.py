"""Which roles are in force for a workload, as rules of today.

Place:  model/security, legacy/rbac → [compose/rbac] → view/{authorization,guard,rbac_findings},
        pipeline/{scope,extensions}
Source: Istio 1.4, "Authorization": a ClusterRbacConfig before an RbacConfig; roles of a service's namespace; a workload
        with an AuthorizationPolicy that allows is judged by that alone
"""

from collections.abc import Iterator

from meltemi.core.compose.authentication import by_peer
from meltemi.core.compose.inputs import age_of, keys, read_as
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.registry import service
from meltemi.core.engine.engine import Engine
from meltemi.core.legacy.rbac import OTHERS, Door, Host, Judged, is_on, open_rule, rules
from meltemi.core.model.document import Key, Origin, Path
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.proxy import Scope, Served
from meltemi.core.model.security.authorization_policy import Rule
from meltemi.core.model.security.rbac import (
    AccessRule,
    EnforcementMode,
    RbacConfig,
    ServiceRole,
    ServiceRoleBinding,
)
from meltemi.core.model.security.rbac_attribute import Destination, Standing, constraint
from meltemi.core.model.value import Value

GROUP = "rbac.istio.io"
ROLE, BINDING = "ServiceRole", "ServiceRoleBinding"
CLUSTER, CONFIG = "ClusterRbacConfig", "RbacConfig"
DEFAULT = "default"


class Granted(Value, frozen=True, kw_only=True):
    """One rule that roles come to."""

    name: str
    """As logs and statistics have it."""
    origin: Origin
    """The rule of a role; of what is open to all the switch."""
    rule: Rule


class Roles(Value, frozen=True, kw_only=True):
    """What decides about a workload where roles are asked for."""

    enforced: tuple[Granted, ...] | None = None
    """None: nothing is refused."""
    tried: tuple[Granted, ...] | None = None
    """None: nothing is only tried."""
    origin: tuple[Origin, ...] = ()


def rbac_configs(e: Engine) -> tuple[Key, ...]:
    """All that could switch roles on; the first is in force."""
    root = mesh(e).root_namespace
    found = [key for kind in (CLUSTER, CONFIG) for key in keys(e, GROUP, kind) if key.name == DEFAULT]
    ages = {key: age_of(written) for key in found if (written := read_as(e, key, RbacConfig))}
    return tuple(sorted(ages, key=lambda key: (key.kind != CLUSTER, key.namespace != root, ages[key])))


def rbac_config(e: Engine) -> RbacConfig | None:
    """What is in force."""
    found = e.get(rbac_configs)
    written = read_as(e, found[0], RbacConfig) if found else None
    return written.spec if written else None


def role(e: Engine, key: Key) -> ServiceRole | None:
    """The content of one ServiceRole."""
    found = read_as(e, key, ServiceRole)
    return found.spec if found else None


def binding(e: Engine, key: Key) -> ServiceRoleBinding | None:
    """The content of one ServiceRoleBinding."""
    found = read_as(e, key, ServiceRoleBinding)
    return found.spec if found else None


def bindings_in(e: Engine, namespace: str) -> tuple[Key, ...]:
    """The bindings of one namespace."""
    return tuple(key for key in keys(e, GROUP, BINDING) if key.namespace == namespace)


def role_key(e: Engine, key: Key) -> Key | None:
    """The role that a binding names; None where its rules stand in itself."""
    found = e.get(binding, key)
    if found is None or not (found.role_ref or found.role):
        return None
    if found.role_ref is not None:
        namespace, name = key.namespace, found.role_ref.name
    else:
        name = found.role.removeprefix("/")
        namespace = key.namespace if name == found.role else mesh(e).root_namespace
    return Key(group=GROUP, kind=ROLE, namespace=namespace, name=name)


def access_rules(e: Engine, key: Key) -> tuple[Origin, ...]:
    """Where the rules of a binding stand."""
    named, found = e.get(role_key, key), e.get(binding, key)
    if named is None:
        return tuple(
            Origin(key=key, path=Path(f"spec.actions[{i}]")) for i in range(len(found.actions if found else ()))
        )
    written = e.get(role, named)
    return tuple(Origin(key=named, path=Path(f"spec.rules[{i}]")) for i in range(len(written.rules if written else ())))


def access_rule(e: Engine, key: Key, i: int) -> AccessRule:
    """One of a binding's rules."""
    named, found = e.get(role_key, key), e.get(binding, key)
    written = e.get(role, named) if named else None
    return written.rules[i] if written else found.actions[i] if found else AccessRule()


def rules_of(e: Engine) -> Iterator[AccessRule]:
    """Every rule of every role."""
    for key in keys(e, GROUP, ROLE):
        found = e.get(role, key)
        yield from found.rules if found else ()
    for key in keys(e, GROUP, BINDING):
        given = e.get(binding, key)
        yield from given.actions if given else ()


def _asked(e: Engine) -> Iterator[Standing]:
    for rule in rules_of(e):
        for one in rule.constraints:
            found = constraint(one.key)
            if isinstance(found, Standing):
                yield found


def role_labels(e: Engine) -> frozenset[str]:
    """Labels of workloads that some role asks for."""
    return frozenset(one.label for one in _asked(e) if one.attribute is Destination.LABEL)


def asks_account(e: Engine) -> bool:
    """Whether some role asks for a workload's account."""
    return any(one.attribute is Destination.USER for one in _asked(e))


def served_of(e: Engine, scope: Scope) -> Served:
    """The workload, as roles ask for it. They are for services, so a gateway has none (as in Istio)."""
    names = e.get(role_labels)
    return Served(
        namespace=scope.namespace,
        labels=tuple(pair for pair in scope.labels if pair[0] in names),
        targets=scope.targets,
        account=scope.account,
    )


def judged(e: Engine, served: Served) -> Judged:
    """The workload as roles see it. Several services behind a port are one: nothing tells them apart."""
    config, settings = e.get(rbac_config) or RbacConfig(), mesh(e)
    ports = sorted({t.target for t in served.targets})
    doors = [_door(e, config, served, port) for port in ports]
    hosts = tuple(dict.fromkeys(host for door in doors for host in door.hosts))
    on = any(door.on for door in doors) if doors else is_on(config, "", served.namespace)
    others = Door(port=OTHERS, hosts=hosts, on=on, by_peer=e.get(by_peer, served.namespace, ()))
    return Judged(
        namespace=served.namespace,
        labels=served.labels,
        identities=_identities(settings, served),
        doors=(*doors, others),
    )


def _door(e: Engine, config: RbacConfig, served: Served, port: int) -> Door:
    targets = tuple(t for t in served.targets if t.target == port)
    found = [(name, e.get(service, name)) for name in sorted({t.host for t in targets})]
    hosts = tuple(Host(name=name, namespace=known.namespace) for name, known in found if known)
    on = any(is_on(config, host.name, host.namespace) for host in hosts)
    return Door(port=port, hosts=hosts, on=on, by_peer=e.get(by_peer, served.namespace, targets))


def _identities(settings: MeshConfig, served: Served) -> tuple[str, ...]:
    if not served.account:
        return ()
    full = f"{settings.trust_domain}/ns/{served.namespace}/sa/{served.account}"
    return served.account, full, f"spiffe://{full}"


def roles_of(e: Engine, served: Served) -> Roles | None:
    """What roles decide about a workload; None where nobody asks for them."""
    config = e.get(rbac_config)
    seen = e.get(judged, served)
    if config is None or not any(door.on for door in seen.doors):
        return None
    spaces = dict.fromkeys((seen.namespace, *(host.namespace for door in seen.doors for host in door.hosts)))
    found = [(key, one) for space in spaces for key in e.get(bindings_in, space) for one in _granted(e, key, seen)]
    permissive = config.enforcement_mode is EnforcementMode.PERMISSIVE
    tried = tuple(one for key, one in found if permissive or _is_tried(e, key))
    switch = Origin(key=e.get(rbac_configs)[0])
    origin = (switch, *_origins(e, dict.fromkeys(key for key, _ in found)))
    if permissive:
        return Roles(tried=(*_open(seen, switch), *tried), origin=origin)
    enforced = tuple(one for key, one in found if not _is_tried(e, key))
    return Roles(enforced=(*_open(seen, switch), *enforced), tried=tried or None, origin=origin)


def _is_tried(e: Engine, key: Key) -> bool:
    found = e.get(binding, key)
    return found is not None and found.mode is EnforcementMode.PERMISSIVE


def _open(seen: Judged, switch: Origin) -> Iterator[Granted]:
    rule = open_rule(seen)
    if rule is not None:
        yield Granted(name=f"ns[{seen.namespace}]-rbac-off", origin=switch, rule=rule)


def _granted(e: Engine, key: Key, seen: Judged) -> Iterator[Granted]:
    found = e.get(binding, key)
    for i, place in enumerate(e.get(access_rules, key)):
        for j, subject in enumerate(found.subjects if found else ()):
            for k, rule in enumerate(rules(e.get(access_rule, key, i), subject, seen, key.namespace)):
                name = f"ns[{key.namespace}]-role[{place.key.name}]-rule[{i}]-binding[{key.name}]-subject[{j}]"
                yield Granted(name=f"{name}-{k}" if k else name, origin=place, rule=rule)


def _origins(e: Engine, bound: dict[Key, None]) -> Iterator[Origin]:
    for key in bound:
        yield Origin(key=key)
        yield from e.get(access_rules, key)
