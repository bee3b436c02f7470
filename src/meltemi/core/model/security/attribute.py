"""What a rule may ask for, by the names that `when` uses, and which of it bytes alone do not have.

Place:  model/security → check/{attributes,authorization_policy}, view/authorization
Source: Istio, "Authorization Policy Conditions"
"""

from enum import Enum

from meltemi.core.model.security.authorization_policy import Operation, Rule, Source
from meltemi.core.model.value import Value

EXPERIMENTAL = "experimental."
ONE_SEGMENT, SEGMENTS = "{*}", "{**}"
"""In a path: exactly one segment; any number of them."""


def is_template(path: str) -> bool:
    """Whether a path is compared segment by segment."""
    return ONE_SEGMENT in path or SEGMENTS in path


class Attribute(Enum):
    """One attribute; the value is its name, with `[` where a key in brackets follows."""

    HEADER = "request.headers["
    SOURCE_IP = "source.ip"
    REMOTE_IP = "remote.ip"
    NAMESPACE = "source.namespace"
    PRINCIPAL = "source.principal"
    ACCOUNT = "source.serviceAccount"
    REQUEST_PRINCIPAL = "request.auth.principal"
    AUDIENCES = "request.auth.audiences"
    PRESENTER = "request.auth.presenter"
    CLAIM = "request.auth.claims["
    DESTINATION_IP = "destination.ip"
    PORT = "destination.port"
    SERVER_NAME = "connection.sni"
    METADATA = "experimental.envoy.filters."

    @property
    def http(self) -> bool:
        """Connections of bytes do not have it."""
        return self in _HTTP


_HTTP = {
    Attribute.HEADER,
    Attribute.REQUEST_PRINCIPAL,
    Attribute.AUDIENCES,
    Attribute.PRESENTER,
    Attribute.CLAIM,
}


_ROUTED = "@request.auth.claims"


class Named(Value, frozen=True, kw_only=True):
    """An attribute, and what stands in brackets behind it."""

    attribute: Attribute
    keys: tuple[str, ...] = ()
    """The name of a header; the claims on the way to a nested one; a filter and a key of its metadata."""


def named(key: str) -> Named | None:
    """What a condition's `key` means; None for what is not known, or not closed."""
    for attribute in Attribute:
        if attribute is Attribute.METADATA:
            if key.startswith(attribute.value):
                return _metadata(key)
        elif not attribute.value.endswith("["):
            if key == attribute.value:
                return Named(attribute=attribute)
        elif key.startswith(attribute.value):
            keys = _bracketed(key[len(attribute.value) - 1 :])
            single = attribute is Attribute.HEADER and len(keys) > 1
            return Named(attribute=attribute, keys=keys) if keys and not single else None
    return None


def claim_path(name: str) -> tuple[str, ...]:
    """The claims on the way to one that a route asks for where a header's name stands: `@request.auth.claims[a][b]` or
    `@request.auth.claims.a.b` → a, b; nothing for all other names.

    Source: Istio, "JWT claim based routing"
    """
    if not name.lower().startswith(_ROUTED):
        return ()
    rest = name[len(_ROUTED) :]
    if not rest.startswith("."):
        return _bracketed(rest)
    path = tuple(rest[1:].split("."))
    return path if all(path) else ()


def _metadata(key: str) -> Named | None:
    name, bracket, rest = key.removeprefix(EXPERIMENTAL).partition("[")
    keys = _bracketed(bracket + rest)
    return Named(attribute=Attribute.METADATA, keys=(name, keys[0])) if len(keys) == 1 else None


def _bracketed(text: str) -> tuple[str, ...]:
    """`[a][b]` → a, b; nothing for what is not closed or is empty."""
    if not (text.startswith("[") and text.endswith("]")):
        return ()
    keys = tuple(text[1:-1].split("]["))
    return keys if all(keys) else ()


_SOURCE = ("request_principals", "not_request_principals")
_OPERATION = ("hosts", "not_hosts", "methods", "not_methods", "paths", "not_paths")


def only_http(rule: Rule) -> bool:
    """Whether a rule asks for something, and for nothing that a connection of bytes has."""
    sources = [entry.source for entry in rule.from_ or () if entry.source]
    operations = [entry.operation for entry in rule.to or () if entry.operation]
    conditions = [found for one in rule.when if (found := named(one.key))]
    if not (sources or operations or conditions):
        return False
    from_http = all(_only(source, _SOURCE) for source in sources)
    return (
        from_http
        and all(_only(operation, _OPERATION) for operation in operations)
        and all(found.attribute.http for found in conditions)
    )


def _only(of: Source | Operation, names: tuple[str, ...]) -> bool:
    return all(name in names for name in of.__struct_fields__ if getattr(of, name))
