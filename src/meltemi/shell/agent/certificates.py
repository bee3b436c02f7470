"""The workload's certificate: asked for, renewed in time, given to Envoy; and whom the workload trusts.

Place:  shell/agent · authority, keys → [certificates] → secrets → sds; what is held → health, metrics

The old certificate serves while the authority is away. It is asked again with back-off, and at once when it is back,
which the stream of trust notices.
"""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import TYPE_CHECKING

from meltemi.core.identity import renewal
from meltemi.core.identity.rotation import Holding, Trust, digest
from meltemi.core.model.units import Seconds
from meltemi.shell.agent import sds_wire
from meltemi.shell.agent.authority import AbsentError, Authority, Following, NotGivenError
from meltemi.shell.agent.identity_settings import IdentitySettings
from meltemi.shell.agent.log import log
from meltemi.shell.agent.secrets import AUTHORITIES, CERTIFICATE, Secrets

if TYPE_CHECKING:
    from meltemi.shell.agent.keys import Leaf

FIRST_RETRY, LAST_RETRY = Seconds(0.2), Seconds(30.0)
"""Between attempts to get a certificate."""
FIRST_LONGEST = Seconds(5.0)
"""The longest pause before there is any certificate."""
PAUSE = 0.1
"""Seconds between two attempts, whatever the authority gives: it must not be stormed."""
FOLLOW_RETRY, ABSENT_RETRY = 0.5, 30.0
"""Seconds between attempts to follow the authority, and where there is none."""
SOON = Seconds(5.0)
"""Within which a certificate is renewed whose authority does not sign any more."""
LONGEST_SLEEP = 60.0
"""Seconds after which the clock is looked at again: it may have been set, or the machine have slept."""


@dataclass(slots=True)
class Held:
    """What the agent has."""

    leaf: "Leaf | None" = None
    roots: tuple[str, ...] = ()
    """PEM, as the authority sent them."""
    absent: bool = False
    """There is no authority, or no token: nobody should wait."""
    expiries: dict[str, datetime] = field(default_factory=dict[str, datetime])
    """Name of a secret → when it expires."""

    def holding(self) -> Holding:
        """As the authority is told."""
        trusted = digest(self.roots) if self.roots else ""
        if self.leaf is None:
            return Holding(roots=trusted)
        return Holding(
            roots=trusted,
            issuer=self.leaf.issuer,
            serial=self.leaf.serial,
            not_before=self.leaf.not_before,
            not_after=self.leaf.not_after,
        )


class Certificates:
    """Keeps `held` and the secrets good until cancelled."""

    def __init__(self, authority: Authority, secrets: Secrets, settings: IdentitySettings) -> None:
        """Nothing is asked yet."""
        self.held = Held()
        self._authority = authority
        self._secrets = secrets
        self._settings = settings
        self._schedule = _schedule(settings)
        self._due: datetime | None = None
        """When to ask next; None: now."""
        self.failures = 0
        """How often in a row a certificate was asked for in vain."""
        self._said = ""
        self._wake = asyncio.Event()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        # In a thread: Envoy starts meanwhile, and its probes are answered.
        keys = await asyncio.to_thread(_keys)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(keys), name="trust")
            tasks.create_task(self._renew(keys), name="certificate")

    # === the certificate ===

    async def _renew(self, keys: ModuleType) -> None:
        while True:
            try:
                await self._ask(keys)
            except NotGivenError as problem:
                self._failed(problem)
            await self._sleep()

    async def _ask(self, keys: ModuleType) -> None:
        settings = self._settings
        pair = await asyncio.to_thread(keys.make, curve=settings.curve, rsa_bits=settings.rsa_bits)
        chain = await self._authority.certificate(pair.csr, settings.life)
        try:
            leaf: Leaf = keys.leaf(pair, chain)
            if not self.held.roots:
                self._trust(keys, (leaf.root,))
        except ValueError as problem:
            raise NotGivenError(str(problem)) from problem
        self.held.leaf, self.held.absent = leaf, False
        self.held.expiries[CERTIFICATE] = leaf.not_after
        self._secrets.put(CERTIFICATE, sds_wire.certificate(CERTIFICATE, chain=leaf.chain, key=leaf.key))
        # It begins in the past, for clocks that are behind: counted from there, a short life would be over at once.
        begins = max(leaf.not_before, _now())
        self._due = renewal.renew_at(begins, leaf.not_after, chance=_chance(), schedule=self._schedule)
        self.failures, self._said = 0, ""
        self._news.set()
        log("the workload has a certificate", serial=leaf.serial, until=leaf.not_after.isoformat())

    def _failed(self, problem: NotGivenError) -> None:
        self.failures += 1
        self.held.absent = isinstance(problem, AbsentError)
        wait = renewal.retry_after(self.failures, chance=_chance(), first=FIRST_RETRY, longest=self._longest_wait())
        self._due = _now() + timedelta(seconds=wait)
        leaf = self.held.leaf
        if leaf and renewal.is_short(leaf.not_before, leaf.not_after, _now(), schedule=self._schedule):
            self._say(f"finding: the certificate expires at {leaf.not_after.isoformat()} and is not renewed", problem)
        else:
            self._say("no certificate is given yet", problem)

    def _longest_wait(self) -> Seconds:
        """The less time is left, the more often: several attempts fit into it, whoever is slow to come back."""
        leaf = self.held.leaf
        if leaf is None:
            return FIRST_LONGEST
        left = (leaf.not_after - _now()).total_seconds()
        return Seconds(min(LAST_RETRY, max(left / 20, FIRST_RETRY)))

    def _say(self, message: str, problem: NotGivenError) -> None:
        """Once, not at every attempt."""
        said = f"{message}: {problem}"
        if said != self._said:
            self._said = said
            log(message, reason=problem)

    async def _sleep(self) -> None:
        """Until it is time to ask."""
        least = _now() + timedelta(seconds=PAUSE)
        while (left := (max(self._due or least, least) - _now()).total_seconds()) > 0:
            self._wake.clear()
            try:
                async with asyncio.timeout(min(left, LONGEST_SLEEP)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    # === trust ===

    async def _follow(self, keys: ModuleType) -> None:
        while True:
            pause = FOLLOW_RETRY
            following = self._authority.follow()
            try:
                await self._listen(following, keys)
            except* AbsentError:
                pause = ABSENT_RETRY
            except* NotGivenError:
                pass
            finally:
                following.end()
            await asyncio.sleep(pause)

    async def _listen(self, following: Following, keys: ModuleType) -> None:
        """One stream, to its end."""
        self._news.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._report(following))
            while True:
                trust = await following.hear()
                try:
                    self._trust(keys, trust.roots)
                except ValueError as problem:
                    log("finding: the authority's roots cannot be read", reason=problem)
                    continue
                self._plan(trust)

    async def _report(self, following: Following) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            # A rotation goes on when all have said so: an Envoy that is behind would refuse others.
            await self._authority.taken()
            await following.say(self.held.holding())

    def _trust(self, keys: ModuleType, roots: tuple[str, ...]) -> None:
        """Raises ValueError, and changes nothing then."""
        if not roots or roots == self.held.roots:
            return
        expiry: datetime = min(map(keys.ends, roots))
        self.held.roots = roots
        self.held.expiries[AUTHORITIES] = expiry
        bundle = "".join(one if one.endswith("\n") else one + "\n" for one in roots)
        self._secrets.put(AUTHORITIES, sds_wire.authorities(AUTHORITIES, bundle.encode()))
        self._news.set()
        log("the workload trusts", authorities=len(roots))

    def _plan(self, trust: Trust) -> None:
        """The authority is there, and says who signs: ask soon where that changes something."""
        leaf = self.held.leaf
        if self.failures:
            self._due = None
        elif leaf and trust.signer and leaf.issuer != trust.signer:
            planned = renewal.soon(_now(), leaf.not_after, chance=_chance(), span=SOON)
            self._due = min(self._due or planned, planned)
        self._wake.set()


def _schedule(settings: IdentitySettings) -> renewal.Schedule:
    default = renewal.DEFAULT
    return renewal.Schedule(
        at=default.at if settings.renew_at is None else settings.renew_at,
        jitter=default.jitter if settings.jitter is None else settings.jitter,
        short=default.short,
    )


def _keys() -> ModuleType:
    from meltemi.shell.agent import keys  # noqa: PLC0415  (0.1 s, which is spent while Envoy starts)

    return keys


def _chance() -> float:
    return random.random()  # noqa: S311  (spreads work, keeps no secret)


def _now() -> datetime:
    return datetime.now(UTC)
