"""What becomes of a request or a connection, which rule decides, and why each other one does not.

Place:  view/guard, explain/asked → [explain/decide] → explain/told
Source: Istio, "Authorization Policy", implicit enablement and order: mutual TLS and tokens, CUSTOM, DENY, ALLOW; the
        same order as envoy/filters has
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from http import HTTPStatus

from msgspec import structs

from meltemi.core.explain.asked import Asked
from meltemi.core.explain.fits import fits, why_not
from meltemi.core.explain.truth import Truth, opposite, some
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.mesh_providers import EnvoyExternalAuthorizationGrpcProvider
from meltemi.core.model.security.authorization_policy import Action
from meltemi.core.model.security.peer_authentication import MutualTLSMode
from meltemi.core.model.value import Value
from meltemi.core.view.guard import Guard
from meltemi.core.view.tokens import Issuer


class Outcome(StrEnum):
    """What becomes of it."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNDECIDED = "undecided"
    """It depends on what was not said, or on a provider that is asked."""


class Looked(Value, frozen=True, kw_only=True):
    """One rule, looked at."""

    key: Key
    action: Action
    tried: bool
    name: str
    origin: Origin
    matches: Truth
    why: str = ""
    """Why it does not match, or on what that depends."""


class Decision(Value, frozen=True, kw_only=True):
    """The answer."""

    outcome: Outcome
    why: str
    status: int = HTTPStatus.OK
    """That the proxy answers a request with; of connections nothing is answered."""
    by: Looked | None = None
    """The rule that decides; None where no rule did."""
    origin: Origin | None = None
    """Where it is written, or the document that decides without a rule."""
    rules: tuple[Looked, ...] = ()
    """All of them, in order of evaluation."""


class _Step(Value, frozen=True, kw_only=True):
    """One gate on the way."""

    passes: Truth
    why: str
    by: Looked | None = None
    origin: Origin | None = None
    status: int = HTTPStatus.FORBIDDEN


def decide(guard: Guard, asked: Asked) -> Decision:
    """Decide."""
    asked = _as_seen(guard, asked)
    rules = tuple(_looked(guard, asked))
    steps = [step for step in _steps(guard, asked, rules) if step is not None]
    failing = next((step for step in steps if step.passes is False), None)
    if failing is not None:
        return _decision(Outcome.DENIED, failing, rules)
    if depending := [step for step in steps if step.passes is None]:
        return Decision(outcome=Outcome.UNDECIDED, why="; ".join(step.why for step in depending), status=0, rules=rules)
    if steps:
        return _decision(Outcome.ALLOWED, structs.replace(steps[-1], status=HTTPStatus.OK), rules)
    return Decision(outcome=Outcome.ALLOWED, why="nothing is in force that refuses", rules=rules)


def _decision(outcome: Outcome, step: _Step, rules: tuple[Looked, ...]) -> Decision:
    origin = step.origin or (step.by.origin if step.by else None)
    return Decision(outcome=outcome, why=step.why, status=step.status, by=step.by, origin=origin, rules=rules)


def _as_seen(guard: Guard, asked: Asked) -> Asked:
    """As the rules see it: with paths made plain, a caller where TLS can be, and claims of tokens that are read."""
    path = re.sub("/+", "/", asked.path) if guard.merges_slashes else asked.path
    refuses_tls = guard.modes is not None and guard.modes.at(asked.port or 0) is MutualTLSMode.DISABLE
    issuer = _believed(guard, asked)
    return structs.replace(
        asked,
        path=path,
        caller=None if refuses_tls else asked.caller,
        claims=_listed(asked, issuer) if issuer else asked.claims if guard.tokens.issuers else None,
    )


def _believed(guard: Guard, asked: Asked) -> Issuer | None:
    """Who has made the token."""
    said = dict(asked.claims or ()).get("iss")
    if asked.claims is None:
        return None
    return next((one for one in guard.tokens.issuers if one.rule.issuer in ("", said)), None)


def _listed(asked: Asked, issuer: Issuer) -> tuple[tuple[str, object], ...]:
    """Claims whose words are a list."""
    lists = issuer.space_delimited
    return tuple(
        (name, value.split(" ") if name in lists and isinstance(value, str) else value)
        for name, value in asked.claims or ()
    )


def _looked(guard: Guard, asked: Asked) -> Iterator[Looked]:
    for one in guard.statements:
        of_bytes = {rule.name: rule for rule in one.of_bytes}
        for written in one.rules:
            rule = written if asked.method else of_bytes.get(written.name)
            yield Looked(
                key=one.key,
                action=one.action,
                tried=one.tried,
                name=written.name,
                origin=written.origin,
                matches=fits(rule, asked) if rule else False,
                why=why_not(rule, asked) if rule else "it asks for what only requests have",
            )


def _steps(guard: Guard, asked: Asked, rules: tuple[Looked, ...]) -> Iterator[_Step | None]:
    yield _mutual_tls(guard, asked)
    if asked.method:
        yield _token(guard, asked)
    in_force = [one for one in rules if not one.tried]
    yield _custom(guard, asked, [one for one in in_force if one.action is Action.CUSTOM])
    yield _deny([one for one in in_force if one.action is Action.DENY])
    if any(one.action is Action.ALLOW and not one.tried for one in guard.statements):
        yield _allow([one for one in in_force if one.action is Action.ALLOW])


def _mutual_tls(guard: Guard, asked: Asked) -> _Step | None:
    """Nothing where it is not demanded, or where the caller has a certificate."""
    demand = guard.demand
    if asked.caller is not None or demand.nowhere or guard.modes is None:
        return None
    origin = next(iter(guard.modes.origin), None)
    if asked.port is None and demand.ports:
        return _Step(passes=None, why="mutual TLS is demanded at some ports, and the port is not said", origin=origin)
    if (asked.port in demand.ports) is demand.everywhere:
        return None
    return _Step(passes=False, why="mutual TLS is demanded, and the caller has no certificate", origin=origin)


def _token(guard: Guard, asked: Asked) -> _Step | None:
    """Nothing where tokens are not read, or nothing is wrong with what is there."""
    origin, issuers = next(iter(guard.tokens.origin), None), guard.tokens.issuers
    if not issuers:
        return None
    if asked.claims is None:
        why = "a token is demanded, and there is none"
        required = any(one.required for one in issuers)
        return _Step(passes=False, why=why, origin=origin, status=HTTPStatus.UNAUTHORIZED) if required else None
    issuer = _believed(guard, asked)
    if issuer is None or any(one.required and one is not issuer for one in issuers):
        why = f"a token of {dict(asked.claims).get('iss')!r} is not what is believed here"
        return _Step(passes=False, why=why, origin=origin, status=HTTPStatus.UNAUTHORIZED)
    wanted, named = issuer.rule.audiences, dict(asked.claims).get("aud")
    if wanted and not set(wanted) & {*(named if isinstance(named, list) else [named])}:  # pyright: ignore[reportUnknownVariableType]
        return _Step(passes=False, why=f"the token is for {named!r}, and not for {', '.join(wanted)}", origin=origin)
    return None


def _custom(guard: Guard, asked: Asked, rules: list[Looked]) -> _Step | None:
    asking = guard.asking
    found = some(one.matches for one in rules)
    by = _chosen(rules, found)
    if by is None or found is False:
        return None
    if asking.fault:
        return _Step(passes=opposite(found), why=f"nobody can be asked: {asking.fault}", by=by)
    to = asking.authorizer
    if not asked.method and not (to and isinstance(to.asked, EnvoyExternalAuthorizationGrpcProvider)):
        return None  # it judges requests only
    if found is None:
        return _Step(passes=None, why=f"of a CUSTOM rule {by.why}", by=by)
    return _Step(passes=None, why=f"the provider {to.name!r} is asked" if to else "a provider is asked", by=by)


def _deny(rules: list[Looked]) -> _Step | None:
    found = some(one.matches for one in rules)
    by = _chosen(rules, found)
    if by is None or found is False:
        return None
    return _Step(passes=opposite(found), why="a DENY rule matches" if found else f"of a DENY rule {by.why}", by=by)


def _allow(rules: list[Looked]) -> _Step:
    found = some(one.matches for one in rules)
    by = _chosen(rules, found)
    if by is None or found is False:
        return _Step(passes=False, why="there are ALLOW policies, and no rule of them matches")
    return _Step(passes=found, why="an ALLOW rule matches" if found else f"of an ALLOW rule {by.why}", by=by)


def _chosen(rules: list[Looked], found: Truth) -> Looked | None:
    """The rule that makes it so. Envoy asks them in the order of their names, and says the first."""
    return min((one for one in rules if one.matches is found), key=lambda one: one.name, default=None)
