"""How one authority takes the place of another without a refused connection, and who has followed.

Place:  identity · servers/ca keeps a Rotation; `meltemi ca rotate` takes it a step on or back

Between two authorities there are four steps, and any two neighbours accept each other's certificates:

    steady          the old one is trusted and signs
    both-trusted    both are trusted, the old one signs
    new-signs       both are trusted, the new one signs
    old-dropped     the new one is trusted and signs; the next rotation begins here, as from steady

A step is taken when everybody holds what the present one asks for.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from meltemi.core.model.value import Value


class Step(StrEnum):
    """How far a rotation is, in this order."""

    STEADY = "steady"
    BOTH_TRUSTED = "both-trusted"
    NEW_SIGNS = "new-signs"
    OLD_DROPPED = "old-dropped"


_ORDER = tuple(Step)


class Rotation(Value, frozen=True, kw_only=True):
    """Two authorities by name, and the step between them."""

    old: str
    new: str = ""
    """Empty before the first rotation."""
    step: Step = Step.STEADY

    @property
    def signer(self) -> str:
        """Who signs."""
        return self.old if self.step in (Step.STEADY, Step.BOTH_TRUSTED) else self.new

    @property
    def trusted(self) -> tuple[str, ...]:
        """Whose roots are trusted; the order does not change with the signer, so the bundle does not either."""
        return (self.signer,) if self.resting else (self.old, self.new)

    @property
    def resting(self) -> bool:
        """Whether nothing is under way: another authority may come."""
        return self.step in (Step.STEADY, Step.OLD_DROPPED)


class Holding(Value, frozen=True, kw_only=True):
    """What one proxy says that it holds; empty before it has any."""

    roots: str = ""
    """`digest` of the roots that it trusts."""
    issuer: str = ""
    """Authority key identifier of its certificate, in hex."""
    serial: str = ""
    """Of its certificate, in hex."""
    not_before: datetime | None = None
    not_after: datetime | None = None


class Trust(Value, frozen=True, kw_only=True):
    """What everybody is told: whom to trust, and who signs."""

    roots: tuple[str, ...]
    """PEM, in the order in which `digest` takes them."""
    signer: str
    """The signer's subject key identifier, in hex."""


def digest(roots: Iterable[str]) -> str:
    """SHA-256 of the PEM texts one after the other, in hex."""
    return sha256("".join(roots).encode()).hexdigest()


def forward(now: Rotation, candidate: str) -> Rotation:
    """One step on. `candidate`: the authority to go to, read only where a rotation begins."""
    if now.resting:
        return Rotation(old=now.signer, new=candidate, step=Step.BOTH_TRUSTED)
    return Rotation(old=now.old, new=now.new, step=_ORDER[_ORDER.index(now.step) + 1])


def back(now: Rotation) -> Rotation | None:
    """One step back; None where there is nothing to take back."""
    if now.step is Step.STEADY:
        return None
    return Rotation(old=now.old, new=now.new, step=_ORDER[_ORDER.index(now.step) - 1])


def behind(trust: Trust, held: Mapping[str, Holding], expected: Iterable[str]) -> dict[str, str]:
    """Who does not hold yet what he was told, and what is missing. `expected`: who serves, connected or not.

    Before they have followed no step may be taken: they would refuse others, or be refused.
    """
    wanted = digest(trust.roots)
    found = {name: _missing(held.get(name), wanted, trust.signer) for name in {*held, *expected}}
    return {name: why for name, why in sorted(found.items()) if why}


def _missing(one: Holding | None, roots: str, signer: str) -> str:
    if one is None:
        return "is not connected to the authority"
    if one.roots != roots:
        return "trusts other roots" if one.roots else "has no roots yet"
    if one.issuer != signer:
        return "has a certificate of another authority" if one.issuer else "has no certificate yet"
    return ""
