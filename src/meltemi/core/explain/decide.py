"""What becomes of a request or a connection, which rule decides, and why each other one does not.

Place:  view/guard, explain/{asked,tokens} → [explain/decide] → explain/told
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
from meltemi.core.explain.step import Looked, Step
from meltemi.core.explain.tokens import read
from meltemi.core.explain.truth import Truth, opposite, some
from meltemi.core.model.document import Origin
from meltemi.core.model.mesh_providers import EnvoyExternalAuthorizationGrpcProvider
from meltemi.core.model.security.authorization_policy import Action
from meltemi.core.model.security.peer_authentication import MutualTLSMode
from meltemi.core.model.value import Value
from meltemi.core.view.guard import Guard


class Outcome(StrEnum):
    """What becomes of it."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNDECIDED = "undecided"
    """It depends on what was not said, or on a provider that is asked."""


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


def decide(guard: Guard, asked: Asked) -> Decision:
    """Decide."""
    asked = _as_seen(guard, asked)
    token = read(guard, asked)
    asked = structs.replace(asked, claims=token.claims)
    rules = tuple(_looked(guard, asked))
    steps = [step for step in _steps(guard, asked, token.step, rules) if step is not None]
    failing = next((step for step in steps if step.passes is False), None)
    if failing is not None:
        return _decision(Outcome.DENIED, failing, rules)
    if depending := [step for step in steps if step.passes is None]:
        return Decision(outcome=Outcome.UNDECIDED, why="; ".join(step.why for step in depending), status=0, rules=rules)
    if steps:
        return _decision(Outcome.ALLOWED, structs.replace(steps[-1], status=HTTPStatus.OK), rules)
    return Decision(outcome=Outcome.ALLOWED, why="nothing is in force that refuses", rules=rules)


def _decision(outcome: Outcome, step: Step, rules: tuple[Looked, ...]) -> Decision:
    origin = step.origin or (step.by.origin if step.by else None)
    return Decision(outcome=outcome, why=step.why, status=step.status, by=step.by, origin=origin, rules=rules)


def _as_seen(guard: Guard, asked: Asked) -> Asked:
    """As the rules see it: with paths made plain, and a caller where TLS can be."""
    path = re.sub("/+", "/", asked.path) if guard.merges_slashes else asked.path
    refuses_tls = guard.modes is not None and guard.modes.at(asked.port or 0) is MutualTLSMode.DISABLE
    return structs.replace(asked, path=path, caller=None if refuses_tls else asked.caller)


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


def _steps(guard: Guard, asked: Asked, token: Step | None, rules: tuple[Looked, ...]) -> Iterator[Step | None]:
    yield _mutual_tls(guard, asked)
    if asked.method:
        yield token
    in_force = [one for one in rules if not one.tried]
    yield _custom(guard, asked, [one for one in in_force if one.action is Action.CUSTOM])
    yield _deny([one for one in in_force if one.action is Action.DENY])
    if any(one.action is Action.ALLOW and not one.tried for one in guard.statements):
        yield _allow([one for one in in_force if one.action is Action.ALLOW])


def _mutual_tls(guard: Guard, asked: Asked) -> Step | None:
    """Nothing where it is not demanded, or where the caller has a certificate."""
    demand = guard.demand
    if asked.caller is not None or demand.nowhere or guard.modes is None:
        return None
    origin = next(iter(guard.modes.origin), None)
    if asked.port is None and demand.ports:
        return Step(passes=None, why="mutual TLS is demanded at some ports, and the port is not said", origin=origin)
    if (asked.port in demand.ports) is demand.everywhere:
        return None
    return Step(passes=False, why="mutual TLS is demanded, and the caller has no certificate", origin=origin)


def _custom(guard: Guard, asked: Asked, rules: list[Looked]) -> Step | None:
    asking = guard.asking
    found = some(one.matches for one in rules)
    by = _chosen(rules, found)
    if by is None or found is False:
        return None
    if asking.fault:
        return Step(passes=opposite(found), why=f"nobody can be asked: {asking.fault}", by=by)
    to = asking.authorizer
    if not asked.method and not (to and isinstance(to.asked, EnvoyExternalAuthorizationGrpcProvider)):
        return None  # it judges requests only
    if found is None:
        return Step(passes=None, why=f"of a CUSTOM rule {by.why}", by=by)
    return Step(passes=None, why=f"the provider {to.name!r} is asked" if to else "a provider is asked", by=by)


def _deny(rules: list[Looked]) -> Step | None:
    found = some(one.matches for one in rules)
    by = _chosen(rules, found)
    if by is None or found is False:
        return None
    return Step(passes=opposite(found), why="a DENY rule matches" if found else f"of a DENY rule {by.why}", by=by)


def _allow(rules: list[Looked]) -> Step:
    found = some(one.matches for one in rules)
    by = _chosen(rules, found)
    if by is None or found is False:
        return Step(passes=False, why="there are ALLOW policies, and no rule of them matches")
    return Step(passes=found, why="an ALLOW rule matches" if found else f"of an ALLOW rule {by.why}", by=by)


def _chosen(rules: list[Looked], found: Truth) -> Looked | None:
    """The rule that makes it so. Envoy asks them in the order of their names, and says the first."""
    return min((one for one in rules if one.matches is found), key=lambda one: one.name, default=None)
