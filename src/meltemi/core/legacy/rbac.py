"""ServiceRoles and their bindings → rules of an AuthorizationPolicy, for one workload.

Place:  model/security → [legacy/rbac] → compose/rbac
Source: Istio 1.4, "Authorization", "Authorization Policy Constraints and Properties"; pilot/pkg/security/authz/model

Roles are for services, rules for workloads: a workload is seen as ports behind which services stand. What cannot be
told is left out, for rules only allow.
"""

from collections.abc import Iterator

from meltemi.core.model.security.attribute import Attribute, is_template
from meltemi.core.model.security.authorization_policy import Condition, Operation, Rule, RuleFrom, RuleTo, Source
from meltemi.core.model.security.rbac import AccessRule, RbacConfig, RbacMode, RbacTarget, Subject
from meltemi.core.model.security.rbac_attribute import (
    ALL_AUTHENTICATED,
    ALL_USERS,
    GROUPS,
    ISSUER,
    Destination,
    Standing,
    constraint,
    subject_property,
)
from meltemi.core.model.value import Value

ANY = "*"
OTHERS = 0
"""The port that stands for all that no service names."""


class Host(Value, frozen=True, kw_only=True):
    """A service."""

    name: str
    """In full: `reviews.shop.svc.cluster.local`."""
    namespace: str

    @property
    def short(self) -> str:
        return self.name.partition(".")[0] if ".svc." in self.name else self.name


class Door(Value, frozen=True, kw_only=True):
    """A port of the workload, and what stands behind it."""

    port: int
    """`OTHERS` for all that no service names."""
    hosts: tuple[Host, ...] = ()
    on: bool = True
    """Roles are asked for."""
    by_peer: bool = False
    """`request.auth.principal` is the identity of the certificate."""


class Judged(Value, frozen=True, kw_only=True):
    """A workload, as far as roles ask for it."""

    namespace: str
    labels: tuple[tuple[str, str], ...] = ()
    identities: tuple[str, ...] = ()
    """Forms of the identity: the account's name, and in full."""
    doors: tuple[Door, ...] = ()
    """The last one stands for all other ports."""


def is_on(config: RbacConfig, name: str, namespace: str) -> bool:
    """Whether roles are asked for at a service; without a name, for whatever else is in the namespace."""
    match config.mode:
        case RbacMode.ON:
            return True
        case RbacMode.ON_WITH_INCLUSION:
            return _among(config.inclusion, name, namespace)
        case RbacMode.ON_WITH_EXCLUSION:
            return not _among(config.exclusion, name, namespace)
        case RbacMode.OFF:
            return False


def _among(target: RbacTarget | None, name: str, namespace: str) -> bool:
    return target is not None and (namespace in target.namespaces or name in target.services)


def fits(text: str, patterns: tuple[str, ...]) -> bool:
    """Whether one of the patterns is the text, a prefix (`abc*`), a suffix (`*abc`), or `*`."""
    return any(_fits(text, one) for one in patterns)


def _fits(text: str, pattern: str) -> bool:
    if pattern.startswith(ANY):
        return text.endswith(pattern[1:])
    return text.startswith(pattern[:-1]) if pattern.endswith(ANY) else text == pattern


def open_rule(judged: Judged) -> Rule | None:
    """What allows everything at the ports where roles are not asked for."""
    ports = _ports(tuple(door for door in judged.doors if not door.on), judged)
    return Rule(when=ports) if ports else None


def rules(rule: AccessRule, subject: Subject, judged: Judged, namespace: str) -> Iterator[Rule]:
    """What one rule of a role allows to one subject. `namespace`: the role's, or rather that of its binding."""
    asked, source = _operation(rule), _source(subject)
    conditions = (*_constraints(rule), *_conditions(subject))
    if asked is None or source is None or None in conditions or not _stands(rule, judged):
        return
    known = tuple(one for one in conditions if one is not None)
    for by_peer in (False, True):
        doors = tuple(d for d in judged.doors if d.on and d.by_peer is by_peer and _opens(d, rule, judged, namespace))
        if doors:
            yield Rule(
                from_=(RuleFrom(source=source),) if source != Source() else None,
                to=(RuleTo(operation=asked),) if asked != Operation() else None,
                when=(*(_settled(one, by_peer) for one in known), *_ports(doors, judged)),
            )


def _opens(door: Door, rule: AccessRule, judged: Judged, namespace: str) -> bool:
    """Whether a rule is for a port. What no service names is for rules that are for all of the workload's services."""
    if door.port != OTHERS:
        return any(_serves(host, rule, namespace) for host in door.hosts)
    if door.hosts:
        return all(_serves(host, rule, namespace) for host in door.hosts)
    return judged.namespace == namespace and (ANY in rule.services or not rule.services)


def _serves(host: Host, rule: AccessRule, namespace: str) -> bool:
    if host.namespace != namespace or not (fits(host.name, rule.services) or not rule.services):
        return False
    known = {Destination.NAME: host.short, Destination.NAMESPACE: host.namespace}
    return all(fits(known[found], values) for found, values in _standing(rule) if found in known)


def _standing(rule: AccessRule) -> Iterator[tuple[Destination, tuple[str, ...]]]:
    for one in rule.constraints:
        found = constraint(one.key)
        if isinstance(found, Standing):
            yield found.attribute, one.values


def _stands(rule: AccessRule, judged: Judged) -> bool:
    """Whether the workload is one that a rule is for."""
    labels = dict(judged.labels)
    for one in rule.constraints:
        match constraint(one.key):
            case Standing(attribute=Destination.LABEL, label=label):
                if label not in labels or not fits(labels[label], one.values):
                    return False
            case Standing(attribute=Destination.USER):
                if not any(fits(form, one.values) for form in judged.identities):
                    return False
            case _:
                continue
    return True


def _ports(doors: tuple[Door, ...], judged: Judged) -> tuple[Condition, ...]:
    """Which ports of the workload: nothing for all of them."""
    chosen = {door.port for door in doors}
    left = [str(door.port) for door in judged.doors if door.port not in chosen]
    if not left:
        return ()
    if OTHERS in chosen:
        return (Condition(key=Attribute.PORT.value, not_values=tuple(left)),)
    return (Condition(key=Attribute.PORT.value, values=tuple(str(port) for port in sorted(chosen))),) if chosen else ()


def _operation(rule: AccessRule) -> Operation | None:
    """None where a word in it cannot be compared."""
    if any(is_template(path) for path in (*rule.paths, *rule.not_paths)):
        return None
    if any("/" in method for method in (*rule.methods, *rule.not_methods)):
        return None
    return Operation(
        hosts=rule.hosts,
        not_hosts=rule.not_hosts,
        paths=rule.paths,
        not_paths=rule.not_paths,
        methods=rule.methods,
        not_methods=rule.not_methods,
        ports=tuple(str(port) for port in rule.ports),
        not_ports=tuple(str(port) for port in rule.not_ports),
    )


def _constraints(rule: AccessRule) -> Iterator[Condition | None]:
    """None for what is not known."""
    for one in rule.constraints:
        found = constraint(one.key)
        if not isinstance(found, Standing):
            yield Condition(key=one.key, values=one.values) if found else None


def _source(subject: Subject) -> Source | None:
    """None where it can be nobody."""
    if subject == Subject() or ALL_USERS in subject.not_names:
        return None
    return Source(
        principals=() if ALL_USERS in subject.names else _names(subject.names),
        not_principals=_names(subject.not_names),
        namespaces=subject.namespaces,
        not_namespaces=subject.not_namespaces,
        ip_blocks=subject.ips,
        not_ip_blocks=subject.not_ips,
    )


def _names(written: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(ANY if name == ALL_AUTHENTICATED else name for name in written)


def _conditions(subject: Subject) -> Iterator[Condition | None]:
    """None for what is not known. What a `user` and a `source.principal` are for is told by certificates."""
    if subject.user and subject.user != ANY:
        yield Condition(key=Attribute.PRINCIPAL.value, values=(subject.user,))
    for values in ((subject.group,) if subject.group else (), subject.groups):
        if values:
            yield Condition(key=GROUPS, values=values)
    if subject.not_groups:
        yield Condition(key=GROUPS, not_values=subject.not_groups)
    for key, value in subject.properties:
        found = subject_property(key)
        if found is None:
            yield None
        else:
            yield Condition(
                key=Attribute.PRINCIPAL.value if found.attribute is Attribute.PRINCIPAL else key, values=(value,)
            )


def _settled(one: Condition, by_peer: bool) -> Condition:
    """The principal of a request is the caller's, or the token's; `*` is any token, also one that names no subject."""
    if one.key != Attribute.REQUEST_PRINCIPAL.value:
        return one
    if by_peer:
        return Condition(key=Attribute.PRINCIPAL.value, values=one.values)
    return Condition(key=ISSUER, values=one.values) if one.values == (ANY,) else one
