"""What a policy asks of a request, settled: lists of tests, of which one must hold, or none may.

Place:  compose/{authorization,rbac} → [view/authorization] → envoy/authorization
Source: Istio, "Authorization Policy", and what pilot/pkg/security/authz/model makes of it
"""

from collections.abc import Callable, Iterator
from enum import StrEnum, auto
from typing import TypeAlias

from msgspec import structs

from meltemi.core.compose.authorization import authorization_policy
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.rbac import Granted
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin, Path
from meltemi.core.model.mesh import MeshConfig, NormalizationType
from meltemi.core.model.security.attribute import ONE_SEGMENT, SEGMENTS, Attribute, Named, is_template, named
from meltemi.core.model.security.authorization_policy import Action, Operation, Rule, Source
from meltemi.core.model.security.escapes import spellings
from meltemi.core.model.value import Value
from meltemi.core.view.identities import names_of, trust_domains


class Fit(StrEnum):
    """Fit a text is compared."""

    EXACT = auto()
    PREFIX = auto()
    SUFFIX = auto()
    CONTAINS = auto()
    """Nobody can ask for it; it stands in front of what can be asked (envoy/placing)."""
    ANY = auto()
    """It is there, and not empty."""


class Pattern(Value, frozen=True, kw_only=True):
    """A pattern of a policy."""

    fit: Fit
    value: str = ""


ANY = Pattern(fit=Fit.ANY)


class Kind(StrEnum):
    """What a test looks at."""

    HOST = auto()
    METHOD = auto()
    PATH = auto()
    TEMPLATE = auto()
    AROUND = auto()
    """A path that begins and ends as a template does, whatever stands between."""
    HEADER = auto()
    PORT = auto()
    DESTINATION = auto()
    SOURCE = auto()
    REMOTE = auto()
    SERVER_NAME = auto()
    PRINCIPAL = auto()
    NAMESPACE = auto()
    ACCOUNT = auto()
    TOKEN = auto()
    CLAIM = auto()
    METADATA = auto()


PATHS = frozenset({Kind.PATH, Kind.TEMPLATE, Kind.AROUND})
HTTP = PATHS | {Kind.HOST, Kind.METHOD, Kind.HEADER, Kind.TOKEN, Kind.CLAIM}
"""What connections of bytes do not have."""


UNREAD = "[]"
"""Of all characters that a path may have when it is normal, those that Envoy's templates do not read."""


class Test(Value, frozen=True, kw_only=True):
    """One comparison."""

    kind: Kind
    text: Pattern = ANY
    keys: tuple[str, ...] = ()
    """A header's name; the claims on the way; a filter and a key of its metadata; an account's namespace; how a path
    begins and ends."""
    subject: Pattern = ANY
    """Of a token, whose issuer is the text."""
    empty: bool = False
    """Of a claim or of metadata: with `ANY` it may be empty."""
    listed: bool = False
    """The text is an item of a list."""
    closed: bool = False
    """Of a template: a path with one of `UNREAD` fits if it begins and ends so."""


class Clause(Value, frozen=True, kw_only=True):
    """One of the tests holds; or none of them, where it is negated."""

    tests: tuple[Test, ...]
    negated: bool = False


Clauses: TypeAlias = tuple[Clause, ...]
"""All of them hold."""


class Policy(Value, frozen=True, kw_only=True):
    """One rule of a document. `asked` and `asking`: of each, one entry holds."""

    name: str
    """As logs and statistics have it: `ns[NAMESPACE]-policy[NAME]-rule[INDEX]`."""
    origin: Origin
    """Where it is written."""
    asked: tuple[Clauses, ...]
    """What is asked of the workload."""
    asking: tuple[Clauses, ...]
    """Who asks."""
    never: bool = False
    """Nobody matches."""


def policies(e: Engine, key: Key, network: bool) -> tuple[Policy, ...]:
    """The rules of a document. `network`: for connections of bytes, which have no requests."""
    found = e.get(authorization_policy, key)
    if found is None:
        return ()
    if not found.rules:
        nowhere = Origin(key=key, path=Path("spec"))
        return (Policy(name=_name(key, 0), origin=nowhere, asked=(), asking=(), never=True),)
    about = _about(key, found.action, mesh(e))
    settled = (_policy(i, rule, about) for i, rule in enumerate(found.rules))
    if not network:
        return tuple(settled)
    narrowed = (_of_bytes(one, found.action) for one in settled)
    return tuple(one for one in narrowed if one is not None)


def granted_policies(e: Engine, granted: tuple[Granted, ...], network: bool) -> tuple[Policy, ...]:
    """What roles allow, settled as rules that allow are."""
    settled = tuple(_granted(one, mesh(e)) for one in granted)
    if not network:
        return settled
    return tuple(left for one in settled if (left := _of_bytes(one, Action.ALLOW)) is not None)


def _granted(one: Granted, settings: MeshConfig) -> Policy:
    """With the name and the place of the role. What `*` is in roles may be empty too."""
    made = _policy(0, one.rule, _about(one.origin.key, Action.ALLOW, settings))
    asked, asking = (tuple(_loosened(clauses) for clauses in some) for some in (made.asked, made.asking))
    return structs.replace(made, name=one.name, origin=one.origin, asked=asked, asking=asking)


def _loosened(clauses: Clauses) -> Clauses:
    return tuple(
        structs.replace(one, tests=tuple(structs.replace(test, empty=True) for test in one.tests)) for one in clauses
    )


def _name(key: Key, i: int) -> str:
    return f"ns[{key.namespace}]-policy[{key.name}]-rule[{i}]"


class _About(Value, frozen=True, kw_only=True):
    """What a document's rules are read with."""

    key: Key
    domains: tuple[str, ...]
    raw: bool
    """Paths come as callers wrote them."""
    matching_refuses: bool
    missing_refuses: bool
    """Whether who matches a value is refused, or who matches one of a `not_` list."""


def _about(key: Key, action: Action, settings: MeshConfig) -> _About:
    return _About(
        key=key,
        domains=trust_domains(settings),
        raw=settings.path_normalization.normalization is NormalizationType.NONE,
        matching_refuses=action in (Action.DENY, Action.CUSTOM),
        missing_refuses=action is Action.ALLOW,
    )


def _policy(i: int, rule: Rule, about: _About) -> Policy:
    key, domains = about.key, about.domains
    conditions = [(named(one.key), one) for one in rule.when]
    known = [(found, one.values, one.not_values) for found, one in conditions if found is not None]
    asked = [_both(_makers(found, key, domains), *values) for found, *values in known if found.attribute in _ASKED]
    asking = [_both(_makers(found, key, domains), *values) for found, *values in known if found.attribute not in _ASKED]
    operations = [entry.operation for entry in rule.to or () if entry.operation]
    sources = [entry.source for entry in rule.from_ or () if entry.source]
    more_asked, more_asking = tuple(c for some in asked for c in some), tuple(c for some in asking for c in some)
    return Policy(
        name=_name(key, i),
        origin=Origin(key=key, path=Path(f"spec.rules[{i}]")),
        asked=tuple((*_operation(one, about), *more_asked) for one in operations) or (more_asked,),
        asking=tuple((*_source(one, key, domains), *more_asking) for one in sources) or (more_asking,),
    )


Maker: TypeAlias = Callable[[str], Iterator[Test]]
"""A value as it is written → the tests of which one must hold."""

_ASKED = (Attribute.DESTINATION_IP, Attribute.PORT, Attribute.SERVER_NAME, Attribute.METADATA)
"""Attributes of what is asked; all others are of who asks."""


def _both(maker: Maker, values: tuple[str, ...], not_values: tuple[str, ...]) -> Clauses:
    found = (Clause(tests=tuple(t for v in values for t in maker(v))),) if values else ()
    refused = (Clause(tests=tuple(t for v in not_values for t in maker(v)), negated=True),) if not_values else ()
    return (*found, *refused)


def _operation(of: Operation, about: _About) -> Clauses:
    return (
        *_both(_plain(Kind.HOST), of.hosts, of.not_hosts),
        *_both(_plain(Kind.METHOD), of.methods, of.not_methods),
        *_both(_path(about.raw, about.matching_refuses), of.paths, ()),
        *_both(_path(about.raw, about.missing_refuses), (), of.not_paths),
        *_both(_literal(Kind.PORT), of.ports, of.not_ports),
    )


def _source(of: Source, key: Key, domains: tuple[str, ...]) -> Clauses:
    return (
        *_both(_principal(domains), of.principals, of.not_principals),
        *_both(_token, of.request_principals, of.not_request_principals),
        *_both(_plain(Kind.NAMESPACE), of.namespaces, of.not_namespaces),
        *_both(_literal(Kind.SOURCE), of.ip_blocks, of.not_ip_blocks),
        *_both(_literal(Kind.REMOTE), of.remote_ip_blocks, of.not_remote_ip_blocks),
        *_both(_account(key), of.service_accounts, of.not_service_accounts),
    )


def _makers(found: Named, key: Key, domains: tuple[str, ...]) -> Maker:
    """How values of a condition are tested."""
    match found.attribute:
        case Attribute.PRINCIPAL:
            return _principal(domains)
        case Attribute.ACCOUNT:
            return _account(key)
        case Attribute.REQUEST_PRINCIPAL:
            return _token
        case Attribute.METADATA:
            return _metadata(found.keys)
        case attribute if attribute in _LITERAL:
            return _literal(_LITERAL[attribute])
        case attribute:
            return _plain(_PLAIN[attribute], *(_CLAIMS.get(attribute) or found.keys))


_LITERAL = {
    Attribute.SOURCE_IP: Kind.SOURCE,
    Attribute.REMOTE_IP: Kind.REMOTE,
    Attribute.DESTINATION_IP: Kind.DESTINATION,
    Attribute.PORT: Kind.PORT,
}
_PLAIN = {
    Attribute.HEADER: Kind.HEADER,
    Attribute.NAMESPACE: Kind.NAMESPACE,
    Attribute.AUDIENCES: Kind.CLAIM,
    Attribute.PRESENTER: Kind.CLAIM,
    Attribute.CLAIM: Kind.CLAIM,
    Attribute.SERVER_NAME: Kind.SERVER_NAME,
}
_CLAIMS = {Attribute.AUDIENCES: ("aud",), Attribute.PRESENTER: ("azp",)}
"""Claims that have a name of their own (OpenID Connect)."""


def text_of(value: str) -> Pattern:
    """A value with its `*`."""
    if value == "*":
        return ANY
    if value.startswith("*"):
        return Pattern(fit=Fit.SUFFIX, value=value[1:])
    if value.endswith("*"):
        return Pattern(fit=Fit.PREFIX, value=value[:-1])
    return Pattern(fit=Fit.EXACT, value=value)


def _plain(kind: Kind, *keys: str) -> Maker:
    def make(value: str) -> Iterator[Test]:
        yield Test(kind=kind, text=text_of(value), keys=keys)

    return make


def _metadata(keys: tuple[str, ...]) -> Maker:
    """A value in brackets is an item of a list. Source: Istio, "Authorization Policy Conditions"."""

    def make(value: str) -> Iterator[Test]:
        listed = value.startswith("[") and value.endswith("]")
        text = text_of(value[1:-1] if listed else value)
        yield Test(kind=Kind.METADATA, text=text, keys=keys, listed=listed)

    return make


def _literal(kind: Kind) -> Maker:
    def make(value: str) -> Iterator[Test]:
        yield Test(kind=kind, text=Pattern(fit=Fit.EXACT, value=value))

    return make


def _path(raw: bool, refuses: bool) -> Maker:
    """Envoy's templates know no `[` and, in paths as they come, much else: what they pass over must not be let in.

    Source: measured (docs/envoy.md, "Who may").
    """

    def make(value: str) -> Iterator[Test]:
        yield from (_of_path(one, raw, refuses) for one in spellings(value))

    return make


def _of_path(value: str, raw: bool, refuses: bool) -> Test:
    if not is_template(value):
        return Test(kind=Kind.PATH, text=text_of(value))
    if refuses and raw:
        return Test(kind=Kind.AROUND, keys=_ends(value))
    whole = Pattern(fit=Fit.EXACT, value=value)
    return Test(kind=Kind.TEMPLATE, text=whole, keys=_ends(value), closed=refuses)


def _ends(template: str) -> tuple[str, str]:
    """What stands before the first operator, and behind the last."""
    literals = template.replace(SEGMENTS, ONE_SEGMENT).split(ONE_SEGMENT)
    return literals[0], literals[-1]


def _principal(domains: tuple[str, ...]) -> Maker:
    def make(value: str) -> Iterator[Test]:
        for name in names_of(value, domains):
            yield Test(kind=Kind.PRINCIPAL, text=text_of(name))

    return make


def _account(key: Key) -> Maker:
    def make(value: str) -> Iterator[Test]:
        namespace, slash, name = value.rpartition("/")
        text = Pattern(fit=Fit.EXACT, value=name)
        yield Test(kind=Kind.ACCOUNT, keys=(namespace if slash else key.namespace,), text=text)

    return make


def _token(value: str) -> Iterator[Test]:
    """`ISSUER/SUBJECT`, either of which may be open to one side.

    Subjects may have slashes too (those of GitHub do): a value stands for every pair that it can be read as.
    """
    if value == "*":
        yield Test(kind=Kind.TOKEN)
    elif "/" in value:
        for slash in _slashes(value):
            issuer, subject = value[:slash], value[slash + 1 :]
            yield Test(kind=Kind.TOKEN, text=_issuer(issuer), subject=text_of(subject) if subject else _EMPTY)
    elif value.startswith("*"):
        yield Test(kind=Kind.TOKEN, subject=text_of(value))
    elif value.endswith("*"):
        yield Test(kind=Kind.TOKEN, text=text_of(value))
    else:
        yield Test(kind=Kind.TOKEN, text=text_of(value), subject=_EMPTY)


def _slashes(value: str) -> Iterator[int]:
    """Where the issuer may end, the likeliest first: not within the `//` of an address."""
    first = value.find("://") + 3 if "://" in value else 0
    found = [i for i, letter in enumerate(value) if letter == "/" and i >= first]
    yield from reversed(found or [value.rindex("/")])


_EMPTY = Pattern(fit=Fit.EXACT)


def _issuer(written: str) -> Pattern:
    """Before the last slash a `*` may stand at the beginning only."""
    return text_of(written) if written.startswith("*") else Pattern(fit=Fit.EXACT, value=written)


def _of_bytes(policy: Policy, action: Action) -> Policy | None:
    """What is left of a rule where there are no requests.

    What allows must not allow more: a rule that asks for HTTP allows nothing. What refuses must not refuse less: what
    it asks of HTTP counts as given. Source: Istio, pilot/pkg/security/authz/model, checkError.
    """
    asks = any(t.kind in HTTP for some in (*policy.asked, *policy.asking) for c in some for t in c.tests)
    if not asks:
        return policy
    if action is Action.ALLOW:
        return None
    return structs.replace(
        policy,
        asked=tuple(_without_http(clauses) for clauses in policy.asked),
        asking=tuple(_without_http(clauses) for clauses in policy.asking),
    )


def _without_http(clauses: Clauses) -> Clauses:
    left = (Clause(tests=tuple(t for t in c.tests if t.kind not in HTTP), negated=c.negated) for c in clauses)
    return tuple(c for c in left if c.tests)
