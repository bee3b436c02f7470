"""What is in force for a workload and what becomes of a request, with files and lines, ready to be sent and printed.

Place:  view/guard, explain/decide, source maps → [explain/told] → servers/api/authorization, `x authz check`
"""

from collections.abc import Iterator, Mapping

from meltemi.core.explain.asked import Words, asked
from meltemi.core.explain.decide import Decision, decide
from meltemi.core.explain.step import Looked
from meltemi.core.model.document import Key, Origin, Path
from meltemi.core.model.source import Source, span
from meltemi.core.model.value import Value
from meltemi.core.view.guard import Guard, Statement

Sources = Mapping[Key, Source]


class Spot(Value, frozen=True, kw_only=True, rename="camel"):
    """A statement of a document, and where it is written."""

    kind: str
    namespace: str
    name: str
    path: str = ""
    file: str = ""
    line: int = 0
    """0: not known."""

    @property
    def place(self) -> str:
        """`FILE:LINE`; of a document that came without a file, the path inside it."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file or self.path or "-"


class PolicyTold(Value, frozen=True, kw_only=True, rename="camel"):
    """One AuthorizationPolicy in force."""

    action: str
    dry_run: bool
    rules: int
    at: Spot


class AuthenticationTold(Value, frozen=True, kw_only=True, rename="camel"):
    """What says whom the rules know: one PeerAuthentication or RequestAuthentication, or a Policy of older days."""

    in_force: str
    """What all of its kind come to together."""
    at: Spot


class RuleTold(Value, frozen=True, kw_only=True, rename="camel"):
    """One rule, looked at."""

    action: str
    dry_run: bool
    id: str
    """As logs have it."""
    matches: bool | None
    """None: it depends on what was not said."""
    why: str
    at: Spot


class DecisionTold(Value, frozen=True, kw_only=True, rename="camel"):
    """What becomes of the request."""

    outcome: str
    """`allowed`, `denied`, `undecided`."""
    why: str
    status: int
    """0: not decided, or of a connection of bytes."""
    by: str
    """The rule that decides, as logs have it; empty where no rule did."""
    at: Spot | None
    rules: tuple[RuleTold, ...]


class Told(Value, frozen=True, kw_only=True, rename="camel"):
    """The answer."""

    policies: tuple[PolicyTold, ...]
    authentication: tuple[AuthenticationTold, ...]
    decision: DecisionTold | None = None


def documents(guard: Guard) -> tuple[Key, ...]:
    """Those that an answer names."""
    modes = guard.modes.origin if guard.modes else ()
    older = (one for _, asked_for in guard.older for one in asked_for.origin)
    said = (one.key for one in (*modes, *guard.tokens.origin, *older))
    return tuple(dict.fromkeys((*(one.key for one in guard.statements), *said)))


def told(guard: Guard, words: Words | None, sources: Sources, addresses: tuple[str, ...] = ()) -> Told:
    """The answer. Without `words` nothing is decided. Raises ValueError where they cannot be understood."""
    described = asked(words, guard.trust_domain, addresses) if words else None
    return Told(
        policies=tuple(_policy(one, sources) for one in guard.statements),
        authentication=tuple(_authentication(guard, sources)),
        decision=_decision(decide(guard, described), sources, request=bool(described.method)) if described else None,
    )


def _policy(one: Statement, sources: Sources) -> PolicyTold:
    rules = 0 if one.rules and one.rules[0].never else len(one.rules)
    at = _spot(Origin(key=one.key, path=Path("metadata.name")), sources)
    return PolicyTold(action=str(one.action), dry_run=one.tried, rules=rules, at=at)


def _authentication(guard: Guard, sources: Sources) -> Iterator[AuthenticationTold]:
    if guard.modes is not None:
        modes = ", ".join((guard.modes.mode, *(f"{port}: {mode}" for port, mode in guard.modes.ports)))
        for origin in guard.modes.origin:
            yield AuthenticationTold(in_force=modes, at=_spot(origin, sources))
    issuers = ", ".join(one.rule.issuer or "any issuer" for one in guard.tokens.issuers)
    for origin in guard.tokens.origin:
        yield AuthenticationTold(in_force=issuers, at=_spot(origin, sources))
    for port, older in guard.older:
        told = ", ".join(one.rule.issuer for one in older.issuers)
        for origin in older.origin:
            yield AuthenticationTold(in_force=f"{port or 'other ports'}: {told}", at=_spot(origin, sources))


def _decision(found: Decision, sources: Sources, *, request: bool) -> DecisionTold:
    return DecisionTold(
        outcome=str(found.outcome),
        why=found.why,
        status=int(found.status) if request else 0,
        by=found.by.name if found.by else "",
        at=_spot(found.origin, sources) if found.origin else None,
        rules=tuple(_rule(one, sources) for one in found.rules),
    )


def _rule(one: Looked, sources: Sources) -> RuleTold:
    return RuleTold(
        action=str(one.action),
        dry_run=one.tried,
        id=one.name,
        matches=one.matches,
        why=one.why,
        at=_spot(one.origin, sources),
    )


def _spot(origin: Origin, sources: Sources) -> Spot:
    key = origin.key
    found = span(sources.get(key, Source()), origin.path)
    return Spot(
        kind=key.kind, namespace=key.namespace, name=key.name, path=origin.path, file=found.file, line=found.line
    )
