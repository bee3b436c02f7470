"""AuthorizationPolicy: who may ask what of a workload.

Place:  model/security → check/authorization_policy, compose/authorization
API:    security.istio.io v1, v1beta1
"""

from enum import StrEnum

from meltemi.core.model.security.peer_authentication import WorkloadSelector
from meltemi.core.model.traffic.common import PolicyTargetReference
from meltemi.core.model.value import Value


class Action(StrEnum):
    """Message AuthorizationPolicy.Action."""

    ALLOW = "ALLOW"
    """Who matches no rule of any such policy is refused."""
    DENY = "DENY"
    """Who matches is refused, whatever is allowed."""
    AUDIT = "AUDIT"
    """Who matches is noted."""
    CUSTOM = "CUSTOM"
    """Whether who matches may is asked of a provider, before all others."""


class Source(Value, frozen=True, kw_only=True):
    """Message Source: of each list one value must match, of each `not_` list none may.

    A value is exact, a prefix (`abc*`), a suffix (`*abc`), or `*` for any that is not empty.
    """

    principals: tuple[str, ...] = ()
    """Of certificates: `TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT`."""
    not_principals: tuple[str, ...] = ()
    request_principals: tuple[str, ...] = ()
    """Of tokens: `ISSUER/SUBJECT`."""
    not_request_principals: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    not_namespaces: tuple[str, ...] = ()
    ip_blocks: tuple[str, ...] = ()
    """Addresses and subnets of the connection's other end."""
    not_ip_blocks: tuple[str, ...] = ()
    remote_ip_blocks: tuple[str, ...] = ()
    """Of the caller that X-Forwarded-For names, as far as its proxies are trusted."""
    not_remote_ip_blocks: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    """`NAMESPACE/ACCOUNT`, or `ACCOUNT` in the policy's namespace; exact, of any trust domain."""
    not_service_accounts: tuple[str, ...] = ()


class Operation(Value, frozen=True, kw_only=True):
    """Message Operation: what is asked; lists as in `Source`."""

    hosts: tuple[str, ...] = ()
    not_hosts: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    """The workload's ports, in decimals."""
    not_ports: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    """HTTP methods; POST for gRPC."""
    not_methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """Without query; `{*}` is one segment, `{**}` any number of them."""
    not_paths: tuple[str, ...] = ()


class RuleFrom(Value, frozen=True, kw_only=True):
    """Message Rule.From."""

    source: Source | None = None


class RuleTo(Value, frozen=True, kw_only=True):
    """Message Rule.To."""

    operation: Operation | None = None


class Condition(Value, frozen=True, kw_only=True):
    """Message Condition: an attribute of the request."""

    key: str = ""
    values: tuple[str, ...] = ()
    not_values: tuple[str, ...] = ()


class Rule(Value, frozen=True, kw_only=True):
    """Message Rule: any of `from_`, any of `to`, and all of `when`; an absent list asks nothing."""

    from_: tuple[RuleFrom, ...] | None = None
    to: tuple[RuleTo, ...] | None = None
    when: tuple[Condition, ...] = ()


class ProviderName(Value, frozen=True, kw_only=True):
    """Message AuthorizationPolicy.ExtensionProvider."""

    name: str = ""
    """One of MeshConfig's `extensionProviders`."""


class AuthorizationPolicy(Value, frozen=True, kw_only=True):
    """Rules and what follows for who matches one of them."""

    selector: WorkloadSelector | None = None
    """Workloads by labels; without any all of the namespace, in the root namespace of the mesh."""
    target_ref: PolicyTargetReference | None = None
    """As one of `target_refs` (Istio's first form)."""
    target_refs: tuple[PolicyTargetReference, ...] = ()
    rules: tuple[Rule, ...] | None = None
    """None: nobody matches."""
    action: Action = Action.ALLOW
    provider: ProviderName | None = None
    """Of `CUSTOM`."""
