"""The tokens that authentication Policies ask for at one port, settled: paths, and what must be sound there.

Place:  compose/authentication → [view/origins] → envoy/origins
Source: Istio 1.4, "Authentication Policy", origins and trigger rules
"""

from collections.abc import Iterable

from meltemi.core.compose.authentication import origins_of
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.security.origins import Origins, Region
from meltemi.core.model.value import Value
from meltemi.core.view.tokens import Issuer, issuer_keys


class Asked(Value, frozen=True, kw_only=True):
    """One token of these issuers, by their numbers, must be sound."""

    issuers: tuple[int, ...]
    policy: int = 0
    """Which of the Policies asks."""
    optional: bool = False
    """Or there is none."""


class Stretch(Value, frozen=True, kw_only=True):
    """One path, or all that begin so; the first that fits counts."""

    path: str
    exact: bool = False
    asked: tuple[Asked, ...] = ()
    """All of them hold."""


class AskedTokens(Value, frozen=True, kw_only=True):
    """What the Policies of a port ask for together."""

    issuers: tuple[Issuer, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    origin: tuple[Origin, ...] = ()


def asked_tokens(e: Engine, policies: tuple[Key, ...]) -> AskedTokens:
    """The Policies' own words hold together: each asks for one of its issuers."""
    every: list[Origins] = []
    asking: list[Key] = []
    issuers: list[Issuer] = []
    for key in policies:
        if (found := e.get(origins_of, key)) is not None:
            asking.append(key)
            every.append(found.counted_from(len(issuers)))
            issuers.extend(Issuer(rule=rule, jwks=issuer_keys(e, rule)) for rule in found.rules)
    places = {(region.path, region.exact) for one in every for region in one.regions}
    return AskedTokens(
        issuers=tuple(issuers),
        stretches=tuple(_stretch(path, exact, every) for path, exact in sorted(places, key=_narrowness)),
        origin=tuple(Origin(key=key) for key in asking),
    )


def _narrowness(place: tuple[str, bool]) -> tuple[bool, int, str]:
    path, exact = place
    return not exact, -len(path), path


def _stretch(path: str, exact: bool, every: Iterable[Origins]) -> Stretch:
    asked = (
        Asked(issuers=_region(one, path, exact).rules, policy=i, optional=one.optional) for i, one in enumerate(every)
    )
    return Stretch(path=path, exact=exact, asked=tuple(one for one in asked if one.issuers))


def _region(of: Origins, path: str, exact: bool) -> Region:
    """The region that a path, or all that begins so, lies in."""
    return next(one for one in of.regions if _within(one, path, exact))


def _within(region: Region, path: str, exact: bool) -> bool:
    return exact and region.path == path if region.exact else path.startswith(region.path)
