"""Rules for ServiceRoles, ServiceRoleBindings and RbacConfigs.

Place:  parse → [check/rbac] → check/document
Source: Istio 1.4, pkg/config/validation, ValidateServiceRole, ValidateServiceRoleBinding, ValidateClusterRbacConfig

Roles only allow, so what cannot be told allows nobody. It is said, and refuses no document where Istio took it.
"""

from collections.abc import Iterator

from meltemi.core.check.attributes import check_attribute_value
from meltemi.core.check.context import Context
from meltemi.core.check.names import check_subnet
from meltemi.core.check.patterns import check_pattern
from meltemi.core.check.possible import check_possible
from meltemi.core.check.report import ROOT, at, error, required, warning
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.security.attribute import Named, is_template
from meltemi.core.model.security.rbac import (
    AccessRule,
    Constraint,
    RbacConfig,
    RbacMode,
    ServiceRole,
    ServiceRoleBinding,
    Subject,
)
from meltemi.core.model.security.rbac_attribute import ALL_USERS, constraint, subject_property

DEFAULT = "default"
_PORTS = range(1, 65536)
_EITHER = ("hosts", "paths", "methods", "ports")
_SUBJECT_EITHER = ("names", "groups", "namespaces", "ips")


def check_rbac_config(config: RbacConfig, context: Context) -> Iterator[Finding]:
    """Every fault of an RbacConfig or a ClusterRbacConfig."""
    yield from check_default(context)
    for mode, name, target in (
        (RbacMode.ON_WITH_INCLUSION, "inclusion", config.inclusion),
        (RbacMode.ON_WITH_EXCLUSION, "exclusion", config.exclusion),
    ):
        if config.mode is mode and target is None:
            yield required(ROOT, name, f"write '{name}: {{}}' if there are none")
        elif config.mode is not mode and target is not None:
            message = f"{name!r} says nothing with mode {config.mode}"
            yield warning("M2931", at(ROOT, name), message, f"write 'mode: {mode}', or remove it")


def check_default(context: Context) -> Iterator[Finding]:
    """There is one for the mesh, by its name."""
    if context.key.name != DEFAULT:
        message = f"a {context.key.kind} that is not called {DEFAULT!r} has no effect"
        yield error("M2930", Path("metadata.name"), message, f"write 'name: {DEFAULT}'")


def check_service_role(role: ServiceRole) -> Iterator[Finding]:
    """Every fault of one ServiceRole."""
    if not role.rules:
        yield required(ROOT, "rules", "a role without rules allows nothing")
    for i, rule in enumerate(role.rules):
        path = at(ROOT, "rules", i)
        if not rule.services:
            yield required(path, "services", "'services: [\"*\"]' are all of the namespace")
        yield from _check_rule(rule, path)


def _check_rule(rule: AccessRule, path: Path) -> Iterator[Finding]:
    yield from _check_either(rule, _EITHER, path)
    yield from _check_texts(rule.services, at(path, "services"))
    for name in ("hosts", "not_hosts", "paths", "not_paths", "methods", "not_methods"):
        yield from _check_texts(getattr(rule, name), at(path, _json(name)), name.removeprefix("not_"))
    for name in ("ports", "not_ports"):
        for i, port in enumerate(getattr(rule, name)):
            if port not in _PORTS:
                yield error("M2003", at(path, _json(name), i), f"{port} is no port", "ports are 1 to 65535")
    for name in ("paths", "not_paths"):
        for i, written in enumerate(getattr(rule, name)):
            if is_template(written):
                yield _nobody(
                    at(path, _json(name), i), f"{written!r} cannot be compared", "its braces are literal here"
                )
    for name in ("methods", "not_methods"):
        for i, method in enumerate(getattr(rule, name)):
            if "/" in method:
                tip = "write a method of gRPC as a path: 'paths: [/package.Service/Method]'"
                yield _nobody(at(path, _json(name), i), f"{method!r} is no method of HTTP", tip)
    for i, one in enumerate(rule.constraints):
        yield from _check_constraint(one, at(path, "constraints", i))


def _check_constraint(one: Constraint, path: Path) -> Iterator[Finding]:
    if not one.key:
        yield required(path, "key", "name an attribute, for example 'destination.labels[version]'")
    if not one.values:
        yield required(path, "values")
    found = constraint(one.key)
    if one.key and found is None:
        yield _nobody(at(path, "key"), f"{one.key!r} is no attribute of what is asked")
    for i, value in enumerate(one.values):
        yield from _check_value(found if isinstance(found, Named) else None, value, at(path, "values", i))


def check_service_role_binding(binding: ServiceRoleBinding) -> Iterator[Finding]:
    """Every fault of one ServiceRoleBinding."""
    if not binding.subjects:
        yield required(ROOT, "subjects", "a role that nobody has allows nothing")
    for i, subject in enumerate(binding.subjects):
        yield from _check_subject(subject, at(ROOT, "subjects", i))
    yield from _check_role(binding)
    for i, rule in enumerate(binding.actions):
        yield from _check_rule(rule, at(ROOT, "actions", i))


def _check_role(binding: ServiceRoleBinding) -> Iterator[Finding]:
    if binding.role_ref is not None:
        path = at(ROOT, "roleRef")
        if binding.role_ref.kind != "ServiceRole":
            tip = "write 'kind: ServiceRole'"
            yield error("M2934", at(path, "kind"), f"{binding.role_ref.kind!r} is no kind of a role", tip)
        if not binding.role_ref.name:
            yield required(path, "name")
    elif not binding.role.removeprefix("/") and not binding.actions:
        yield required(ROOT, "roleRef", "name the role: 'roleRef: {kind: ServiceRole, name: …}'")


def _check_subject(subject: Subject, path: Path) -> Iterator[Finding]:
    if subject == Subject():
        yield error("M2933", path, "the subject names nobody", "'user: \"*\"' is everybody")
    yield from _check_either(subject, _SUBJECT_EITHER, path)
    for name in ("names", "not_names"):
        place = at(path, _json(name))
        for i, value in enumerate(getattr(subject, name)):
            if value == "*":
                tip = "write 'allAuthenticatedUsers', or 'allUsers' for everybody"
                yield error("M2933", at(place, i), "'*' could be everybody or everybody with a certificate", tip)
            elif value != ALL_USERS:
                yield from check_pattern(value, at(place, i))
    for name in ("groups", "not_groups", "namespaces", "not_namespaces"):
        yield from _check_texts(getattr(subject, name), at(path, _json(name)), name.removeprefix("not_"))
    for name in ("ips", "not_ips"):
        for i, value in enumerate(getattr(subject, name)):
            yield from check_subnet(value, at(path, _json(name), i))
            yield from check_possible("addresses", value, at(path, _json(name), i))
    for key, value in subject.properties:
        place = at(path, "properties", key)
        found = subject_property(key)
        if found is None:
            yield _nobody(place, f"{key!r} is no attribute of who asks")
        yield from _check_value(found, value, place)


def _check_either(of: AccessRule | Subject, names: tuple[str, ...], path: Path) -> Iterator[Finding]:
    for name in names:
        if getattr(of, name) and getattr(of, f"not_{name}"):
            other = _json(f"not_{name}")
            yield error("M2932", at(path, other), f"{name!r} and {other!r} exclude each other", "keep one of the two")


def _check_texts(values: tuple[str, ...], path: Path, of: str = "") -> Iterator[Finding]:
    for i, value in enumerate(values):
        yield from check_pattern(value, at(path, i))
        yield from check_possible(of, value, at(path, i))


def _check_value(found: Named | None, value: str, path: Path) -> Iterator[Finding]:
    """A value of a constraint or of a property."""
    if found is None:
        yield from check_pattern(value, path)
    else:
        yield from check_attribute_value(found, value, path)


def _nobody(path: Path, message: str, tip: str = "remove it, or write what is meant in another way") -> Finding:
    return warning("M2935", path, f"{message}: this allows nobody", tip)


def _json(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)
