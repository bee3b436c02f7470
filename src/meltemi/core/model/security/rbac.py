"""ServiceRole, ServiceRoleBinding and who switches them on: how Istio 0.8 to 1.4 said who may.

Place:  model/security → check/rbac, legacy/rbac, compose/rbac
API:    rbac.istio.io v1alpha1
"""

from enum import StrEnum
from typing import ClassVar

from meltemi.core.model.value import Value


class RbacMode(StrEnum):
    """Message RbacConfig.Mode."""

    OFF = "OFF"
    ON = "ON"
    """All services of the mesh: who may nothing by a role is refused."""
    ON_WITH_INCLUSION = "ON_WITH_INCLUSION"
    ON_WITH_EXCLUSION = "ON_WITH_EXCLUSION"


class EnforcementMode(StrEnum):
    """Message EnforcementMode."""

    ENFORCED = "ENFORCED"
    PERMISSIVE = "PERMISSIVE"
    """Only tried: what would be decided is counted."""


class RbacTarget(Value, frozen=True, kw_only=True):
    """Message RbacConfig.Target."""

    services: tuple[str, ...] = ()
    """Host names in full."""
    namespaces: tuple[str, ...] = ()


class RbacConfig(Value, frozen=True, kw_only=True):
    """Where roles are asked for. Of RbacConfig and of ClusterRbacConfig; the one named `default` counts."""

    mode: RbacMode = RbacMode.OFF
    inclusion: RbacTarget | None = None
    """With `ON_WITH_INCLUSION`: these services, and all of these namespaces."""
    exclusion: RbacTarget | None = None
    """With `ON_WITH_EXCLUSION`: all but these."""
    enforcement_mode: EnforcementMode = EnforcementMode.ENFORCED
    """PERMISSIVE: nobody is refused, whatever bindings say."""


class Constraint(Value, frozen=True, kw_only=True):
    """Message AccessRule.Constraint: an attribute of what is asked, and the values that it may have."""

    key: str = ""
    values: tuple[str, ...] = ()


class AccessRule(Value, frozen=True, kw_only=True):
    """Message AccessRule: of each list one value must match, of each `not_` list none may.

    A value is exact, a prefix (`abc*`), a suffix (`*abc`), or `*` for any.
    """

    services: tuple[str, ...] = ()
    """Hosts of services in the role's namespace; `*` is all of them."""
    hosts: tuple[str, ...] = ()
    not_hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """Without query; of gRPC `/package.Service/Method`."""
    not_paths: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    not_methods: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    """The workload's."""
    not_ports: tuple[int, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    """All of them hold."""


class ServiceRole(Value, frozen=True, kw_only=True):
    """What may be asked, by whoever has the role: any of the rules."""

    rules: tuple[AccessRule, ...] = ()


class Subject(Value, frozen=True, kw_only=True):
    """Message Subject: who asks; all that is written holds."""

    user: str = ""
    """An identity from a certificate; `*` is everybody, authenticated or not."""
    names: tuple[str, ...] = ()
    """Identities; `allUsers` is everybody, `allAuthenticatedUsers` everybody with a certificate."""
    not_names: tuple[str, ...] = ()
    group: str = ""
    """As one of `groups`."""
    groups: tuple[str, ...] = ()
    """Of the token's claim `groups`."""
    not_groups: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    not_namespaces: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    """Addresses and subnets of the connection's other end."""
    not_ips: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    """Attribute of who asks → the value that it has."""


class RoleRef(Value, frozen=True, kw_only=True):
    """Message RoleRef."""

    kind: str = ""
    """`ServiceRole`."""
    name: str = ""
    """In the binding's namespace."""


class ServiceRoleBinding(Value, frozen=True, kw_only=True):
    """Who has a role: any of the subjects."""

    subjects: tuple[Subject, ...] = ()
    role_ref: RoleRef | None = None
    mode: EnforcementMode = EnforcementMode.ENFORCED
    actions: tuple[AccessRule, ...] = ()
    """A role without a name, instead of one elsewhere; rules without `services` are for all of the namespace."""
    role: str = ""
    """Name of a role of the namespace, with `/` before it of the root namespace."""

    ONEOFS: ClassVar[tuple[tuple[str, ...], ...]] = (("role_ref", "role", "actions"),)
