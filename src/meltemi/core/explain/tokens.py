"""What becomes of a request by its token, and which claims the rules see.

Place:  view/guard, explain/asked → [explain/tokens] → explain/decide
Source: envoy/{tokens,origins}: what RequestAuthentications believe holds for all requests, what authentication
        Policies ask for by port and path, and all of it together
"""

from http import HTTPStatus
from typing import Any

from meltemi.core.explain.asked import Asked
from meltemi.core.explain.step import Step
from meltemi.core.model.document import Origin
from meltemi.core.model.value import Value
from meltemi.core.view.guard import Guard
from meltemi.core.view.origins import Asked as AskedFor
from meltemi.core.view.origins import AskedTokens, Stretch
from meltemi.core.view.tokens import Issuer

Claims = tuple[tuple[str, Any], ...] | None
_UNSAID = "tokens are asked for at some ports, and the port is not said"
_PREFLIGHT = ("origin", "access-control-request-method")
"""Headers of a question of a browser, which has no token. Source: Envoy, `bypass_cors_preflight`."""


class Read(Value, frozen=True, kw_only=True):
    """What the token comes to."""

    claims: Claims
    """That rules see; None: no token was read."""
    step: Step | None = None
    """None: no token is asked for, or nothing is wrong with it."""


def read(guard: Guard, asked: Asked) -> Read:
    """Verify the token that is described, as the workload's proxy does."""
    if _is_preflight(asked):
        return Read(claims=None)
    found = _at_port(guard, asked)
    if found is None:
        return Read(claims=asked.claims, step=Step(passes=None, why=_UNSAID))
    here = _at_path(found, asked)
    wrong = _by_all(guard, asked) or _by_policies(found, here, asked)
    issuer = _believed((*guard.tokens.issuers, *_looked_for(found, here)), asked)
    sound = issuer is not None and not _not_for_us(issuer, asked)
    return Read(claims=_listed(asked, issuer) if issuer and sound else None, step=wrong)


def _is_preflight(asked: Asked) -> bool:
    headers = dict(asked.headers)
    return asked.method == "OPTIONS" and all(headers.get(name) for name in _PREFLIGHT)


def _at_port(guard: Guard, asked: Asked) -> AskedTokens | None:
    """What Policies ask for there; None where that depends on the port."""
    by_port = dict(guard.older)
    if not by_port:
        return AskedTokens()
    if asked.port is None and len(by_port) > 1:
        return None
    *_, (_, others) = guard.older
    return by_port.get(asked.port or 0, others)


def _at_path(found: AskedTokens, asked: Asked) -> Stretch | None:
    path = asked.plain_path
    return next((one for one in found.stretches if _lies_in(path, one)), None)


def _lies_in(path: str, stretch: Stretch) -> bool:
    return path == stretch.path if stretch.exact else path.startswith(stretch.path)


def _believed(issuers: tuple[Issuer, ...], asked: Asked) -> Issuer | None:
    """Who has made the token."""
    if asked.claims is None or _unread(asked.claims):
        return None
    said = dict(asked.claims).get("iss")
    return next((one for one in issuers if one.rule.issuer in ("", said)), None)


_TEXTS, _NUMBERS = ("iss", "sub", "jti"), ("exp", "nbf", "iat")


def _unread(claims: tuple[tuple[str, Any], ...]) -> str:
    """The claim for which Envoy takes the whole for no token; empty if there is none. Source: measured."""
    for name, value in claims:
        several = value if name == "aud" and isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
        wanted = str if name in (*_TEXTS, "aud") else (int, float) if name in _NUMBERS else object
        if not all(isinstance(one, wanted) for one in several):  # pyright: ignore[reportUnknownVariableType]
            return name
    return ""


def _not_believed(asked: Asked, wanted: str) -> str:
    claims = asked.claims or ()
    if name := _unread(claims):
        return f"what has {dict(claims)[name]!r} as its {name!r} is no token"
    return f"a token of {dict(claims).get('iss')!r} is not {wanted}"


def _by_all(guard: Guard, asked: Asked) -> Step | None:
    """What RequestAuthentications want: of tokens that are there, and of those that must be."""
    issuers, origin = guard.tokens.issuers, next(iter(guard.tokens.origin), None)
    required = [one for one in issuers if one.required]
    if not issuers or (asked.claims is None and not required):
        return None
    if asked.claims is None:
        return _unknown("a token is demanded, and there is none", origin)
    issuer = _believed(issuers, asked)
    if issuer is None or any(one is not issuer for one in required):
        return _unknown(_not_believed(asked, "what is believed here"), origin)
    return _not_for_us(issuer, asked, origin)


def _by_policies(found: AskedTokens, here: Stretch | None, asked: Asked) -> Step | None:
    """What authentication Policies want: each one sound token of its issuers."""
    for one in here.asked if here else ():
        if not one.optional and (wrong := _by_policy(found, one, asked)):
            return wrong
    return None


def _by_policy(found: AskedTokens, one: AskedFor, asked: Asked) -> Step | None:
    origin = found.origin[one.policy]
    if asked.claims is None:
        return _unknown("an authentication Policy asks for a token, and there is none", origin)
    issuer = _believed(tuple(found.issuers[i] for i in one.issuers), asked)
    if issuer is None:
        return _unknown(_not_believed(asked, "what the Policy asks for"), origin)
    return _not_for_us(issuer, asked, origin)


def _looked_for(found: AskedTokens, here: Stretch | None) -> tuple[Issuer, ...]:
    """Whose tokens are verified there because a Policy asks for them."""
    return tuple(found.issuers[i] for one in (here.asked if here else ()) for i in one.issuers)


def _not_for_us(issuer: Issuer, asked: Asked, origin: Origin | None = None) -> Step | None:
    wanted, named = issuer.rule.audiences, dict(asked.claims or ()).get("aud")
    if not wanted or set(wanted) & {*(named if isinstance(named, list) else [named])}:  # pyright: ignore[reportUnknownVariableType]
        return None
    return Step(passes=False, why=f"the token is for {named!r}, and not for {', '.join(wanted)}", origin=origin)


def _unknown(why: str, origin: Origin | None) -> Step:
    return Step(passes=False, why=why, origin=origin, status=HTTPStatus.UNAUTHORIZED)


def _listed(asked: Asked, issuer: Issuer) -> Claims:
    """Claims whose words are a list."""
    lists = issuer.space_delimited
    return tuple(
        (name, value.split(" ") if name in lists and isinstance(value, str) else value)
        for name, value in asked.claims or ()
    )
