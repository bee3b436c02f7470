"""The pod's secrets, and what one stream of Envoy's has been sent of them.

Place:  shell/agent · certificates → [secrets] → sds; what Envoy says of them → health, log

Two protocols, one rule: a secret is sent when Envoy wants it and does not have this version of it. One that is not
there yet is sent when it is; one that Envoy refused is not sent again before it changes.
"""

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from meltemi.shell.agent import sds_wire
from meltemi.shell.agent.sds_wire import Said

CERTIFICATE, AUTHORITIES = "default", "ROOTCA"
"""Istio's names of a workload's own certificate and of whom it trusts."""
NAMES = (CERTIFICATE, AUTHORITIES)


@dataclass(slots=True)
class Secrets:
    """What is there now. Bodies hold the private key: they are never logged."""

    bodies: dict[str, bytes] = field(default_factory=dict[str, bytes], repr=False)
    versions: dict[str, str] = field(default_factory=dict[str, str])
    _watchers: set[asyncio.Event] = field(default_factory=set[asyncio.Event], repr=False)

    def put(self, name: str, body: bytes) -> None:
        """From now on this is the secret; equal bytes change nothing."""
        version = sha256(body).hexdigest()[:16]
        if self.versions.get(name) == version:
            return
        self.bodies[name], self.versions[name] = body, version
        for watcher in self._watchers:
            watcher.set()

    @contextmanager
    def watched(self) -> Generator[asyncio.Event]:
        """An event that is set at each change."""
        news = asyncio.Event()
        self._watchers.add(news)
        try:
            yield news
        finally:
            self._watchers.discard(news)


@dataclass(slots=True)
class Answered:
    """Envoy's word on one response."""

    versions: Mapping[str, str]
    error: str


class Stream:
    """One stream of either protocol: what is wanted, what was sent."""

    def __init__(self, secrets: Secrets, *, delta: bool, told: Callable[[Answered], None]) -> None:
        """`told` hears each ACK and NACK."""
        self._secrets = secrets
        self._delta = delta
        self._told = told
        self._wanted: dict[str, None] = {}
        self._sent: dict[str, str] = {}
        self._open: dict[str, dict[str, str]] = {}
        """Nonce → versions of a response that is not answered yet."""
        self._refused: dict[str, str] = {}
        """Name → the version that Envoy did not take."""
        self._unknown: list[str] = []
        self._count = 0

    @property
    def wanted(self) -> tuple[str, ...]:
        """Names, in the order in which they were asked for."""
        return tuple(self._wanted)

    @property
    def is_current(self) -> bool:
        """Whether Envoy has answered for the present version of all that it wants."""
        versions = self._secrets.versions
        return not self._open and all(self._sent.get(name) == versions.get(name) for name in self._wanted)

    @property
    def has_all(self) -> bool:
        """Whether Envoy has taken the present version of all that it wants."""
        refused = {name for name, version in self._refused.items() if self._secrets.versions.get(name) == version}
        return self.is_current and refused.isdisjoint(self._wanted)

    def hear(self, said: Said) -> None:
        """Take what Envoy says."""
        if said.nonce in self._open:
            versions = self._open.pop(said.nonce)
            if said.error:
                self._refused.update(versions)
            self._told(Answered(versions, said.error))
        if self._delta:
            self._change(said)
        elif not said.nonce or self._is_last(said.nonce):  # an answer to an older response says nothing of the present
            self._replace(said.names)

    def due(self) -> bytes | None:
        """The next response; None if Envoy has everything."""
        versions = {name: v for name in self._wanted if (v := self._secrets.versions.get(name)) is not None}
        fresh = {name: v for name, v in versions.items() if self._sent.get(name) != v}
        if not fresh and not self._unknown:
            return None
        chosen = fresh if self._delta else versions
        self._count += 1
        nonce = str(self._count)
        self._open[nonce] = chosen
        self._sent.update(chosen)
        bodies = {name: self._secrets.bodies[name] for name in chosen}
        if not self._delta:
            return sds_wire.write_full(bodies, version="+".join(versions.values()), nonce=nonce)
        removed, self._unknown = self._unknown, []
        return sds_wire.write_delta(bodies, chosen, removed=removed, nonce=nonce)

    def _is_last(self, nonce: str) -> bool:
        return nonce == str(self._count)

    def _replace(self, names: tuple[str, ...]) -> None:
        self._wanted = dict.fromkeys(names)
        self._sent = {name: v for name, v in self._sent.items() if name in self._wanted}

    def _change(self, said: Said) -> None:
        for name in said.unwanted:
            self._wanted.pop(name, None)
            self._sent.pop(name, None)
        for name in said.names:
            self._wanted[name] = None
            self._sent.pop(name, None)  # asked for again: it does not have it any more
            if name not in NAMES:
                self._unknown.append(name)
        self._sent.update({name: version for name, version in said.held.items() if name in self._wanted})
