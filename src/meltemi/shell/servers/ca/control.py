"""What a user sees of the authority, and does to it: status, rotation, findings.

Place:  servers/ca · servers/api (/meltemi/v1/ca) → [control] → authorities, follow
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from meltemi.core.identity.authority import Authority, Parts
from meltemi.core.identity.renewal import is_short
from meltemi.core.identity.rotation import Holding, behind
from meltemi.core.model.document import Key
from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.units import Seconds
from meltemi.shell.authorities import Authorities
from meltemi.shell.servers.ca.follow import Followers

SHORT_LEAF, SHORT_AUTHORITY = "M9101", "M9102"
"""Codes of findings: a proxy's certificate, the authority's own, ends soon."""
LOOK_AGAIN = 1.0
"""Seconds after which expected pods are looked at again: their coming and going is told by nobody."""


class BehindError(TimeoutError):
    """Somebody has not followed the step that a rotation is at; `who`: proxy → what is missing."""

    def __init__(self, who: dict[str, str]) -> None:
        super().__init__(f"{len(who)} proxies have not followed the present step")
        self.who = who


class Control:
    """Reads both, and changes the authorities when all have followed."""

    def __init__(
        self, authorities: Authorities, followers: Followers, *, expected: Callable[[], frozenset[str]],
        told: Callable[[], Awaitable[object]], now: Callable[[], datetime], usual_life: Seconds,
    ) -> None:  # fmt: skip
        """`expected`: who serves; `told` returns when all of them are known, which takes a moment after a start."""
        self._authorities = authorities
        self._followers = followers
        self._expected = expected
        self._told = told
        self._now = now
        self._usual_life = timedelta(seconds=usual_life)
        self._step = asyncio.Lock()
        """Of two who rotate at a time the second waits until the step of the first is followed."""

    def status(self) -> dict[str, Any]:
        """All of it as plain data."""
        at = self._authorities
        return {
            "step": str(at.rotation.step),
            "signer": _shown(at.signer),
            "trusted": [_shown(one) for one in at.trusted],
            "behind": self._behind(),
            "certificates": self.certificates(),
        }

    def certificates(self) -> dict[str, dict[str, Any]]:
        """Proxy → its certificate, as it says itself."""
        return {name: _held(holding) for name, holding in sorted(self._followers.held.items())}

    async def rotate(self, *, to: Parts | None, back: bool, seconds: float) -> dict[str, Any]:
        """One step, once everybody has followed the present one. Raises BehindError, AuthorityError."""
        async with self._step:
            await self.followed(seconds)
            if back:
                await self._authorities.back()
            else:
                await self._authorities.forward(to)
            return self.status()

    async def followed(self, seconds: float) -> None:
        """Wait until everybody who serves holds what he was told. Raises BehindError."""
        try:
            async with asyncio.timeout(seconds):
                await self._told()
                while self._behind():
                    await self._move()
        except TimeoutError:
            raise BehindError(self._behind()) from None

    async def plug(self, parts: Parts) -> dict[str, Any]:
        """Another authority of the same root signs from now on. Raises AuthorityError."""
        await self._authorities.plug(parts)
        return self.status()

    def findings(self) -> Iterator[Finding]:
        """Certificates that end soon: somebody cannot renew."""
        now = self._now()
        yield from (one for name, held in self._followers.held.items() for one in self._short(name, held, now))
        for one in self._authorities.trusted:
            if is_short(one.not_before, one.not_after, now):
                yield _authority_ends(one, now)

    def _short(self, name: str, held: Holding, now: datetime) -> Iterator[Finding]:
        if held.not_after is None:
            return
        begins = held.not_before or held.not_after - self._usual_life
        if is_short(begins, held.not_after, now):
            pod, _, namespace = name.rpartition(".")
            ended = held.not_after <= now
            yield Finding(
                code=SHORT_LEAF,
                severity=Severity.ERROR if ended else Severity.WARNING,
                key=Key(group="", kind="Pod", namespace=namespace, name=pod),
                message=f"the certificate of proxy {name!r} {_ends(held.not_after, now)}, and was not renewed",
                help="see the log of its container istio-proxy: it says why the authority gave no other",
            )

    def _behind(self) -> dict[str, str]:
        return behind(self._authorities.trust, self._followers.held, self._expected())

    async def _move(self) -> None:
        """Until somebody says something, or a moment has passed."""
        moved = self._followers.moved
        try:
            async with asyncio.timeout(LOOK_AGAIN):
                await moved.wait()
        except TimeoutError:
            return


def _authority_ends(one: Authority, now: datetime) -> Finding:
    return Finding(
        code=SHORT_AUTHORITY,
        severity=Severity.ERROR if one.not_after <= now else Severity.WARNING,
        message=f"the authority {_subject(one)!r} {_ends(one.not_after, now)}",
        help="replace it: 'meltemi ca rotate --all', or 'meltemi ca rotate --to DIR' with one of your own",
    )


def _ends(when: datetime, now: datetime) -> str:
    word = "has ended" if when <= now else "ends"
    return f"{word} at {when.strftime('%Y-%m-%dT%H:%M:%SZ')}"


def _shown(one: Authority) -> dict[str, Any]:
    return {
        "subject": _subject(one),
        "identifier": one.name,
        "selfSigned": not one.intermediates,
        "notBefore": one.not_before.isoformat(),
        "notAfter": one.not_after.isoformat(),
        "roots": list(one.roots),
    }


def _subject(one: Authority) -> str:
    return one.certificate.subject.rfc4514_string()


def _held(one: Holding) -> dict[str, Any]:
    return {
        "issuer": one.issuer,
        "serial": one.serial,
        "notBefore": one.not_before.isoformat() if one.not_before else None,
        "notAfter": one.not_after.isoformat() if one.not_after else None,
    }
