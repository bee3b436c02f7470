"""The names that a principal of a policy has in a mesh whose trust domain has other names too.

Place:  model/mesh → [view/identities] → view/authorization
Source: Istio, "Trust Domain Migration"; pkg/spiffe and pilot/pkg/security/trustdomain
"""

from collections.abc import Iterator

from meltemi.core.model.mesh import MeshConfig

POINTER = "cluster.local"
"""In a policy: the mesh's own trust domain, however it is called."""
_PARTS = 5
"""`TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT`."""


def trust_domains(settings: MeshConfig) -> tuple[str, ...]:
    """The mesh's own name and its aliases."""
    return tuple(dict.fromkeys((settings.trust_domain, *settings.trust_domain_aliases)))


def names_of(principal: str, domains: tuple[str, ...]) -> tuple[str, ...]:
    """The principals that one stands for: under each of the `domains`, if it is of one of them."""
    parts = principal.split("/")
    if len(parts) != _PARTS or parts[0] == "*":
        return (principal,)
    if parts[0] != POINTER and not any(_fits(domain, parts[0]) for domain in domains):
        return (principal,)
    return tuple(dict.fromkeys(_renamed(parts, domains)))


def _renamed(parts: list[str], domains: tuple[str, ...]) -> Iterator[str]:
    for domain in domains:
        own = parts[0] if parts[0].startswith("*") and _fits(domain, parts[0]) else domain
        yield "/".join((own, *parts[1:]))


def _fits(domain: str, pattern: str) -> bool:
    if pattern.startswith("*"):
        return domain.endswith(pattern[1:])
    if pattern.endswith("*"):
        return domain.startswith(pattern[:-1])
    return domain == pattern
