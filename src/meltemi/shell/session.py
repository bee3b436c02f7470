"""One connected proxy: what it is offered, what waits to be written, what it has answered.

Place:  shell/publish → [session] around core/xds/stream → servers/xds
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from meltemi.core.engine.engine import Cell
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.proxy import Proxy, Role, Scope
from meltemi.core.model.resource import ResourceType
from meltemi.core.pipeline.slot import Slot
from meltemi.core.xds.cohort import Cohort, Member, Names, Steps
from meltemi.core.xds.events import Accepted, Effect, Refused, Request, Send
from meltemi.core.xds.offer import Offer
from meltemi.core.xds.refusals import Refusals
from meltemi.core.xds.wire import response
from meltemi.shell.measures import TYPES, Measures

log: Any = structlog.get_logger(__name__)
_now = time.monotonic
"""The clock of asyncio's loops."""

SHORT = {kind: name.upper() for kind, name in TYPES.items()}
"""As `istioctl proxy-status` calls them."""
REFUSED = "M9001"
"""Code of the finding on a document that an Envoy refuses."""


class ScopeHolder:
    """One scope with proxies: its slots, its offer, its sessions."""

    def __init__(self, scope: Scope, refusals: Refusals, steps: Steps) -> None:
        self.scope = scope
        self.offer = Offer(refusals=refusals)
        self.cohort = Cohort(self.offer, steps)
        self.slots: dict[tuple[ResourceType, str], Slot] = {}
        self.cells: Counter[Cell] = Counter()
        """How many slots each body serves."""
        self.unmade: dict[tuple[ResourceType, str], Slot] = {}
        """Slots whose body could not be derived: their predecessors stay, and they are tried again."""
        self.sessions: set[Session] = set()


class Session:
    """One connected proxy: its stream, what waits to be written, and whom to tell when it has answered."""

    def __init__(
        self,
        proxy: Proxy,
        holder: ScopeHolder,
        *,
        told: int,
        answered: Callable[[], None],
        refused: Callable[[ScopeHolder, Refused], None],
        measures: Measures,
        asked: Callable[[ScopeHolder, Request], None],
    ) -> None:
        """`told`: the store revision that the holder's offer stands at; the others: what to call."""
        self.proxy = proxy
        self.holder = holder
        self.told = told
        """The store revision with which the offer last changed for this proxy."""
        self.stream = Member(holder.cohort)
        self.refusals: dict[tuple[ResourceType, str], Refused] = {}
        self._answered = answered
        self._refused = refused
        self._measures = measures
        self._since: float | None = None
        """When the first change came of those that the proxy has not answered for."""
        self._asked = asked
        self._queued: float | None = None
        """When the first change came of those that the stream has not looked at."""
        self._outbox: list[Send] = []
        self._changed: Names = frozenset()
        self._moved = False
        self._wake: Callable[[], None] = _nobody
        self._timer: asyncio.TimerHandle | None = None
        """For when the stream has something to do."""

    def on_request(self, request: Request) -> None:
        """The proxy asks or answers."""
        self._take_changes()
        if request.type is ResourceType.VIRTUAL_HOST and request.subscribe:
            self._asked(self.holder, request)
        if request.nonce and not self.stream.awaits(request):
            self._measures.expired(request.type)
        with self._measures.stage("step"):
            self._carry_out(self.stream.on_request(request, _now()))
        if self._outbox or self.stream.wake_at is not None:  # which may be sooner than it was
            self._wake()
        if self._since is not None and self.current():
            self._measures.converged(_now() - self._since)
            self._since = None
        self._answered()

    def on_change(self, changed: Names, revision: int) -> None:
        """The offer changed with a store revision. Names alone are kept, however slow the proxy is to take them."""
        self._changed = self._changed | changed if self._changed else changed
        self._tell(revision)

    def move(self, holder: ScopeHolder, revision: int) -> None:
        """The proxy's scope has changed with a store revision."""
        self.holder = holder
        self._moved = True
        self._tell(revision)

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` when there may be something to take."""
        self._wake = wake

    def take(self) -> list[bytes]:
        """What there is to send now."""
        self._take_changes()
        if self.stream.wake_at is not None:
            self._carry_out(self.stream.on_time(_now()))
        self._wake_later()
        taken, self._outbox = self._outbox, []
        return [self._joined(send) for send in taken]

    def close(self) -> None:
        """The proxy is gone."""
        self._wake = _nobody
        self._wake_later(never=True)
        self.stream.close()

    def _joined(self, send: Send) -> bytes:
        start = time.monotonic()
        joined = response(send)
        self._measures.sent(send.type, len(joined), time.monotonic() - start)
        return joined

    def current(self) -> bool:
        """Whether the proxy has answered for all that it is offered."""
        return not self._changed and not self._moved and not self._outbox and self.stream.current()

    def refused(self) -> list[Refused]:
        """What the proxy refuses of what it should have."""
        own = {name: self.refusals[name] for name in self.stream.refused() if name in self.refusals}
        return [*(own | self.holder.offer.refused).values()]

    def status(self) -> dict[str, Any]:
        """What the proxy is offered, has acknowledged and refuses, as `meltemi status` shows it."""
        waiting = {kind for kind, _ in self.stream.waiting()}
        refused = self.refused()
        bad = {one.resource.type for one in refused}
        return {
            "proxy": self.proxy.id,
            "role": str(self.proxy.role),
            "current": self.current(),
            "types": {
                short: {
                    "resources": len(self.stream.held(kind)),
                    "state": "REFUSED" if kind in bad else "STALE" if kind in waiting else "SYNCED",
                }
                for kind, short in SHORT.items()
            },
            "refused": [
                {"type": SHORT[one.resource.type], "name": one.resource.name, "reason": one.reason} for one in refused
            ],
        }

    def _tell(self, revision: int) -> None:
        self.told = revision
        if self._queued is None:
            self._queued = _now()
            if self._since is None:
                self._since = self._measures.began(self._queued)
        self._wake()

    def _wake_later(self, *, never: bool = False) -> None:
        at = None if never else self.stream.wake_at
        if self._timer is not None and self._timer.when() != at:
            self._timer.cancel()
            self._timer = None
        if self._timer is None and at is not None:
            self._timer = asyncio.get_running_loop().call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._wake()

    def _take_changes(self) -> None:
        changed, self._changed = self._changed, frozenset()
        if not self._moved and not changed:
            return
        if self._queued is not None:
            self._measures.queued(_now() - self._queued)
            self._queued = None
        with self._measures.stage("step"):
            if self._moved:
                self._moved = False
                self._carry_out(self.stream.on_offer(self.holder.cohort, _now()))
            else:
                self._carry_out(self.stream.on_change(changed, _now()))

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send():
                    self._outbox.append(effect)
                case Refused():
                    self.refusals[effect.resource.type, effect.resource.name] = effect
                    self._measures.refused(effect.resource.type)
                    log.warning("refused", proxy=self.proxy.id, resource=effect.resource.name, reason=effect.reason)
                    self._refused(self.holder, effect)
                case Accepted():
                    self.refusals.pop((effect.type, effect.name), None)


def proxy_of(node: Mapping[str, Any]) -> Proxy:
    """Who a node message says it is (only where the transport does not say): `role~IP~pod.namespace~domain`."""
    role, address, name, _ = (str(node.get("id", "")).split("~") + [""] * 4)[:4]
    metadata: Mapping[str, Any] = node.get("metadata") or {}
    labels: Mapping[str, str] = metadata.get("LABELS") or {}
    return Proxy(
        role=Role.ROUTER if role == "router" else Role.SIDECAR,
        id=name or str(node.get("id", "")),
        namespace=str(metadata.get("NAMESPACE") or name.rpartition(".")[2] or "default"),
        addresses=(address,) if address else (),
        labels=tuple(sorted(labels.items())),
        metadata=tuple(sorted((key, value) for key, value in metadata.items() if isinstance(value, str))),
    )


def refusal(refused: Refused) -> Finding:
    """What Envoy refuses, on the document that it comes from."""
    origin = refused.resource.origin[0] if refused.resource.origin else None
    reason = " ".join(refused.reason.split())
    return Finding(
        code=REFUSED,
        severity=Severity.ERROR,
        key=origin.key if origin else None,
        path=origin.path if origin else Path(""),
        message=f"Envoy refuses {SHORT[refused.resource.type]} resource {refused.resource.name!r}: {reason}",
        help="the proxies go on with the last version that they accepted; change the document and apply it again",
    )


def _nobody() -> None:
    """Who waits for a session that has no stream yet, or none any more."""
