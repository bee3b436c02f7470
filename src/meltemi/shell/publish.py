"""Carry what the engine derives to the proxies, and what the proxies say back to the authors.

Place:  engine ⇄ [publish] ⇄ servers/xds; asked by servers/api (who has what, findings, waiting)

Proxies of equal scope share one Offer. After each settle the offers are changed where watched cells changed, and only
the streams of those scopes look at the changed names.
"""

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import structlog

from meltemi.core.compose.calls import called, called_input
from meltemi.core.engine.engine import Cell, Engine
from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.proxy import Proxy, Scope
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.pipeline.bootstrap import change_id
from meltemi.core.pipeline.patched import is_patched, refused_input
from meltemi.core.pipeline.slot import Slot
from meltemi.core.xds.asked import asked_name
from meltemi.core.xds.cohort import Steps
from meltemi.core.xds.events import Refused, Request
from meltemi.core.xds.refusals import Refusals
from meltemi.ports.calls import CallMemory
from meltemi.ports.refusals import RefusalMemory
from meltemi.shell.arrivals import Arrivals, Leave
from meltemi.shell.left_out import LeftOut, left_out
from meltemi.shell.measures import Measures
from meltemi.shell.session import ScopeHolder, Session, proxy_of, refusal
from meltemi.version import VERSION

log: Any = structlog.get_logger(__name__)

FAILED = "M9002"
"""Code of the finding for what could not be derived: a fault of ours that one document brought to light."""

REFUSED_KEPT = 128
"""Versions of one resource."""

Identity = Callable[[], Proxy | None]
Changed = Mapping[ResourceType, set[str]]


class Derivations:
    """The derived functions that the publisher watches, as pipeline offers them."""

    def __init__(
        self,
        *,
        slots: Callable[[Engine, Scope], tuple[Slot, ...]],
        scope_of: Callable[[Engine, Proxy], Scope],
        findings: Callable[[Engine], tuple[Finding, ...]],
    ) -> None:
        self.slots = slots
        self.scope_of = scope_of
        self.findings = findings


class Handle:
    """A session and how it ends, as servers/xds wants it."""

    def __init__(self, session: Session, close: Callable[[], None]) -> None:
        self.session = session
        self.close = close


class Publisher:
    """Scopes, offers and sessions over one engine."""

    def __init__(
        self, engine: Engine, derivations: Derivations, memory: RefusalMemory | None = None,
        measures: Measures | None = None, *, calls: CallMemory | None = None,
    ) -> None:  # fmt: skip
        """Without these memories, what was refused and what was called is known as long as this lives."""
        self._engine = engine
        self._measures = measures or Measures()
        self._measures.gauge("pilot_xds", "Proxies that are connected.", lambda: len(self._sessions), version=VERSION)
        self._arrivals = Arrivals()
        self._measures.gauge("meltemi_xds_waiting", "Proxies that wait for their turn.", lambda: self._arrivals.waiting)
        self._measures.gauge("meltemi_scopes", "Kinds of proxies that get something of their own.", self._scopes)
        self._measures.gauge("meltemi_cells", "Derived values that are remembered.", lambda: len(engine))
        self._derive = derivations
        self._memory = memory
        self._refusals = Refusals()
        self._steps = Steps()
        self._calls = calls
        self._settling_soon: asyncio.Handle | None = None
        for workload, names in calls.calls().items() if calls else ():
            engine.put(called_input(workload), names)
        known = memory.refusals() if memory else ()
        self._refusals.learn(known)
        for one in known:
            self._take_back(Refused(resource=one.resource, reason=one.reason))
        self._holders: dict[Scope, ScopeHolder] = {}
        self._of_cell: dict[Cell, set[ScopeHolder]] = {}
        self._sessions: dict[Session, Identity] = {}
        self._unmoved: set[Session] = set()
        """Whose new scope could not be listed: tried again with the next change."""
        self._left_out: dict[Session, tuple[LeftOut, ...]] = {}
        """What each proxy was started without, because its Envoy refuses it."""
        self._complete = asyncio.Event()
        self._answered = asyncio.Event()
        self._revision = self._settling = 0
        self._findings: tuple[Finding, ...] = ()
        self._failures: dict[Cell, str] = {}
        """What could not be derived, and why: said once in the log, and as a finding as long as it lasts."""

    # === from ingest ===

    def settle(self, revision: int, *, whole: bool = True) -> None:
        """The engine's inputs stand at a store revision: derive, and tell the streams what changed.

        `whole`: whether these are all that belong to the revision, or some of them that go ahead.
        """
        self._settling = revision
        start = time.monotonic()
        for holder in self._holders.values():
            if all(session.current() for session in holder.sessions):
                holder.offer.answered()
        with self._measures.stage("derive"):
            changed = self._engine.settle()
        before, self._failures = self._failures, {}
        for cell, problem in self._engine.failed.items():
            self._failed(cell, problem, before)
        with self._measures.stage("offer"):
            for holder in list(self._holders.values()):
                self._relist(holder, changed, before)
            self._rebody(changed)
        with self._measures.stage("scope"):
            for session, identity in list(self._sessions.items()):
                proxy = identity() or session.proxy
                moved = proxy != session.proxy or (self._derive.scope_of, (proxy,)) in changed
                if moved or session in self._unmoved:
                    self._rescope(session, proxy)
        self._remember()
        if whole:
            self._revision = max(self._revision, revision)
        self._measures.settled(time.monotonic() - start)
        self.answered()

    def refresh(self) -> None:
        """An input changed that is in no store."""
        self.settle(self._revision)

    def complete(self) -> None:
        """Every store has told all that exists: streams may be answered from now on."""
        self._complete.set()

    @property
    def ready(self) -> bool:
        """Whether the mesh is known completely."""
        return self._complete.is_set()

    # === from servers/xds ===

    async def arrive(self, of: Hashable) -> Leave:
        """A stream of a caller has begun and is to be heard: waits for its turn, and as `connect` does."""
        await self._complete.wait()
        return await self._arrivals.enter(of)

    async def connect(self, identity: Identity, node: Mapping[str, Any], leave: Leave = lambda: None) -> Handle:
        """Who a stream is of is known. `leave` is called when its proxy has answered for everything.

        Waits until the mesh is known completely: a restart must not take the world away.
        """
        await self._complete.wait()
        proxy = identity() or proxy_of(node)
        with self._measures.stage("enter"):
            holder = self._enter(proxy)

        arriving = True

        def answered() -> None:
            nonlocal arriving
            if arriving and session.current():
                arriving = False
                leave()
            self.answered()

        session = Session(proxy, holder, told=self._revision, answered=answered, refused=self._refuse,
            asked=self._ask, measures=self._measures)  # fmt: skip
        holder.sessions.add(session)
        self._remember()
        self._sessions[session] = identity
        self._left_out[session] = left_out(node)
        log.info("connected", proxy=proxy.id)

        def close() -> None:
            del self._sessions[session], self._left_out[session]
            session.close()
            self._unmoved.discard(session)
            self._engine.unwatch(self._derive.scope_of, session.proxy)
            self._leave(session, session.holder)
            self.answered()
            log.info("disconnected", proxy=proxy.id)

        return Handle(session, close)

    # === for servers/api ===

    def proxies(self) -> list[dict[str, Any]]:
        """Each connected proxy: what it is offered, has acknowledged and refuses."""
        return [session.status() for session in self.sessions()]

    def sessions(self) -> list[Session]:
        """Of every connected proxy, by name."""
        return sorted(self._sessions, key=lambda one: one.proxy.id)

    def findings(self) -> tuple[Finding, ...]:
        """Of documents together, and what proxies refuse."""
        if self._complete.is_set():
            try:
                self._findings = self._engine.get(self._derive.findings)
            except Exception as problem:  # a fault of ours in one function must not hide what all others say
                self._failed((self._derive.findings, ()), problem, self._failures)
        refused = dict.fromkeys(refusal(one) for session in self._sessions for one in session.refused())
        refused |= dict.fromkeys(one.finding for found in self._left_out.values() for one in found if self._stands(one))
        return (*self._findings, *refused, *(_failure(cell, why) for cell, why in self._failures.items()))

    def _stands(self, one: LeftOut) -> bool:
        """Whether the change that a proxy was started without is still written so."""
        key = one.finding.key
        return key is not None and change_id(self._engine, key, one.index) == one.id

    async def wait_for(self, revision: int) -> None:
        """Return when every connected proxy that a store revision concerns has acknowledged or refused what follows.

        A proxy that owes an answer to an older change, and to which the revision brought nothing, is not waited for.
        """
        while self._revision < revision or not all(s.current() or s.told < revision for s in self._sessions):
            self._answered.clear()
            await self._answered.wait()

    def progress(self) -> tuple[int, int, tuple[int, ...]]:
        """The revision that is settled, the number of connected proxies, and of each that owes an answer the revision
        with which it was told something last, sorted."""
        owing = sorted(session.told for session in self._sessions if not session.current())
        return self._revision, len(self._sessions), tuple(owing)

    def answered(self) -> None:
        """Something happened that a waiter may be waiting for."""
        self._answered.set()

    def _scopes(self) -> int:
        return len(self._holders)

    # === scopes ===

    def _enter(self, proxy: Proxy) -> ScopeHolder:
        """Where its list cannot be derived at all the stream ends: its Envoy keeps what it has, and asks again."""
        cell: Cell = (self._derive.scope_of, (proxy,))
        try:
            scope = self._scope(proxy)
        except Exception as problem:
            self._failed(cell, problem, self._failures)
            raise
        try:
            return self._hold(scope)
        except Exception as problem:
            self._engine.unwatch(self._derive.scope_of, proxy)
            self._failed((self._derive.slots, (scope,)), problem, self._failures)
            raise

    def _scope(self, proxy: Proxy) -> Scope:
        return self._engine.watch(self._derive.scope_of, proxy)

    def _failed(self, cell: Cell, problem: Exception, before: Mapping[Cell, str]) -> None:
        """Everything else goes on; what the cell stood for stays as it was."""
        self._measures.failed()
        self._failures[cell] = f"{type(problem).__name__}: {problem}"
        if before.get(cell) != self._failures[cell]:
            log.error("could not be derived", function=cell[0].__name__, args=cell[1], exc_info=problem)

    def _rescope(self, session: Session, proxy: Proxy) -> None:
        """A proxy's labels, or what selects it, have changed. Where that fails it keeps its scope."""
        self._unmoved.discard(session)
        try:
            self._move(session, proxy)
        except Exception as problem:
            self._unmoved.add(session)
            self._failed((self._derive.scope_of, (proxy,)), problem, self._failures)

    def _move(self, session: Session, proxy: Proxy) -> None:
        if proxy != session.proxy:
            scope = self._scope(proxy)
            self._engine.unwatch(self._derive.scope_of, session.proxy)
            session.proxy = proxy
        else:
            scope = self._engine.get(self._derive.scope_of, proxy)
        if scope == session.holder.scope:
            return
        old, new = session.holder, self._hold(scope)
        new.sessions.add(session)
        session.move(new, self._settling)
        self._leave(session, old)

    def _hold(self, scope: Scope) -> ScopeHolder:
        holder = self._holders.get(scope)
        if holder is None:
            slots = self._engine.watch(self._derive.slots, scope)
            holder = self._holders[scope] = ScopeHolder(scope, self._refusals, self._steps)
            self._list(holder, slots, self._failures)
        return holder

    def _leave(self, session: Session, holder: ScopeHolder) -> None:
        """With its last stream a scope is forgotten."""
        holder.sessions.discard(session)
        if holder.sessions:
            return
        del self._holders[holder.scope]
        self._list(holder, (), self._failures)
        self._engine.unwatch(self._derive.slots, holder.scope)

    def _relist(self, holder: ScopeHolder, changed: Mapping[Cell, object], before: Mapping[Cell, str]) -> None:
        cell: Cell = (self._derive.slots, (holder.scope,))
        if cell in self._failures:
            return  # the list stays as it was, and so does what could not be made of it
        if holder.unmade or cell in changed:
            slots = self._engine.get(self._derive.slots, holder.scope)
            self._tell(holder, self._list(holder, slots, before))

    def _list(self, holder: ScopeHolder, slots: tuple[Slot, ...], before: Mapping[Cell, str]) -> Changed:
        """Make the holder's slots these; watch what is new before what is old goes, so that shared cells stay."""
        wanted = {(slot.type, slot.name): slot for slot in slots}
        bodies: list[Resource] = []
        removed = [name for name in holder.slots if name not in wanted]
        left = [holder.slots[name] for name in removed]
        holder.unmade.clear()
        for name, slot in tuple(wanted.items()):
            old = holder.slots.get(name)
            if old is slot or old == slot:
                continue
            try:
                body = self._watch(holder, slot)
            except Exception as problem:
                self._failed(_cell(slot), problem, before)
                holder.unmade[name] = slot
                wanted.pop(name)
                if old is not None:
                    wanted[name] = old
                continue
            if old is not None:
                left.append(old)
            if body is None:
                removed.append(name)
            else:
                bodies.append(body)
        for slot in left:
            self._unwatch(holder, slot)
        holder.slots = wanted
        changed = holder.offer.update(bodies, removed)
        if holder.scope.caller:
            answers = {name: slot.name for slot in wanted.values() for name in slot.answers}
            changed.setdefault(ResourceType.VIRTUAL_HOST, set()).update(holder.offer.answer(answers))
        return changed

    def _watch(self, holder: ScopeHolder, slot: Slot) -> Resource | None:
        """Raises what the body's function raises; nothing is watched then."""
        cell = _cell(slot)
        body = self._engine.watch(slot.body.function, *slot.body.args)
        holder.cells[cell] += 1
        self._of_cell.setdefault(cell, set()).add(holder)
        return body

    def _unwatch(self, holder: ScopeHolder, slot: Slot) -> None:
        cell = _cell(slot)
        self._engine.unwatch(slot.body.function, *slot.body.args)
        holder.cells[cell] -= 1
        if holder.cells[cell]:
            return
        del holder.cells[cell]
        self._of_cell[cell].discard(holder)
        if not self._of_cell[cell]:
            del self._of_cell[cell]

    def _rebody(self, changed: Mapping[Cell, object]) -> None:
        """Bodies that changed go into every offer that lists them."""
        told: dict[ScopeHolder, list[Resource]] = {}
        gone: dict[ScopeHolder, list[tuple[ResourceType, str]]] = {}
        for cell, body in changed.items():
            for holder in self._of_cell.get(cell, ()):
                if isinstance(body, Resource):
                    told.setdefault(holder, []).append(body)
                else:
                    gone.setdefault(holder, []).extend(_named(holder, cell))
        for holder in told.keys() | gone.keys():
            self._tell(holder, holder.offer.update(told.get(holder, ()), gone.get(holder, ())))

    def _refuse(self, holder: ScopeHolder, refused: Refused) -> None:
        """One proxy's refusal holds for all of its scope."""
        self._tell(holder, holder.offer.refuse(refused))
        self._remember()
        if self._take_back(refused):
            self.refresh()

    def _take_back(self, refused: Refused) -> bool:
        """What was changed in Envoy's own words is derived anew, without the change that is refused."""
        if not is_patched(refused.resource):
            return False
        key = refused_input(refused.resource)
        known: tuple[tuple[str, str], ...] = self._engine.read(key) or ()  # pyright: ignore[reportAssignmentType]
        if refused.resource.version in dict(known):
            return False
        self._engine.put(key, (*known, (refused.resource.version, refused.reason))[-REFUSED_KEPT:])
        return True

    def _ask(self, holder: ScopeHolder, request: Request) -> None:
        """A workload calls hosts that its proxy does not hold: from now on they belong to what it is offered."""
        caller, answers = holder.scope.caller, holder.offer.answers
        if caller is None or answers is None:
            return
        asked = frozenset(name for one in request.subscribe if (name := asked_name(one)))
        known = called(self._engine, caller)
        if asked <= known:
            return
        self._engine.put(called_input(caller), known | asked)
        if self._calls:
            self._calls.remember(caller, asked - known)
        if self._settling_soon is None:  # what others ask for at the same moment is settled with it
            self._settling_soon = asyncio.get_running_loop().call_soon(self._settle_asked)

    def _settle_asked(self) -> None:
        self._settling_soon = None
        self.settle(self._revision)

    def _remember(self) -> None:
        for news in self._refusals.take_news():
            if self._memory:
                self._memory.remember(news)

    def _tell(self, holder: ScopeHolder, changed: Changed) -> None:
        names = frozenset((kind, name) for kind, named in changed.items() for name in named)
        if names:  # one object for all, by which they know that they are told the same
            for session in holder.sessions:
                session.on_change(names, self._settling)


def _named(holder: ScopeHolder, cell: Cell) -> list[tuple[ResourceType, str]]:
    return [name for name, slot in holder.slots.items() if _cell(slot) == cell]


def _cell(slot: Slot) -> Cell:
    return slot.body.function, slot.body.args


def _failure(cell: Cell, why: str) -> Finding:
    return Finding(
        code=FAILED,
        severity=Severity.ERROR,
        message=f"{cell[0].__name__} failed for {cell[1]!r}: {why}",
        help="this is a fault of Meltemi: please report it; what it stands for stays as it was, all else goes on",
    )
