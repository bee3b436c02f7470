"""What happens to the crowd, and what each step cost the control plane and the floor.

Place:  bench/crowd · processes → [steps] → rows of the table
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from bench.crowd import world
from bench.crowd.processes import Crowd, control_plane, crowd, delete, floor, send
from bench.crowd.step import Cost, Meter, Step, World

ROUNDS = 10
"""Of the small changes: the mean of CPU and bytes, the median of times."""
PATIENCE = 600.0
"""Seconds that a step may take."""
QUIET = 700
"""Milliseconds without a push after which a step is over; the control plane gathers a burst for less."""
REMOVED = 5000
"""The same where clusters go: they stay as long as a request under way may need them."""
IDLE = 0.02
"""Seconds of CPU in half a second that are none: timers."""
WRITERS = 4
PORT, CONTROL, FLOOR_PORT, FLOOR_CONTROL = (
    15310 + 10 * int(os.environ.get("MELTEMI_TEST_SLOT", "0")) + one for one in range(4)
)
"""Measurements on one machine at the same time have slots, as tests do."""
MERGE = "application/merge-patch+json"
CHANGES: tuple[tuple[str, str, str, Callable[[int], object]], ...] = (
    (
        "one endpoint changes",
        "service-7.",
        "/apis/discovery.k8s.io/v1/namespaces/ns-7/endpointslices/service-7-x",
        lambda n: world.endpoint_slice(7, last=n + 1),
    ),
    (
        "one VirtualService changes",
        "service-7.",
        "/apis/networking.istio.io/v1/namespaces/ns-7/virtualservices/service-7",
        lambda n: world.routes(7, timeout=f"{n + 6}s"),
    ),
)


def measure(programs: tuple[Path, Path], services: int, streams: int) -> World:
    """The steps with a world of so many services and a crowd of so many streams."""
    with tempfile.TemporaryDirectory() as place:
        recorded = Path(place) / "recorded"
        recorded.mkdir()
        steps = _Run(Path(place) / "state", programs[0], recorded, services, streams).steps()
        _floor(steps, programs, recorded, streams)
        return World(services=services, streams=streams, steps=steps)


class _Run:
    """The control plane's side."""

    def __init__(self, state: Path, program: Path, recorded: Path, services: int, streams: int) -> None:
        self._state, self._program, self._recorded = state, program, recorded
        self._services, self._streams = services, streams
        self._marks = 0

    def steps(self) -> list[Step]:
        """In order. The crowd outlives the control plane, as Envoys do."""
        with ExitStack() as proxies:
            with control_plane(self._state, PORT) as (self._client, self._plane):
                self._apply(world.namespaces())
                self._apply(world.objects(self._services))
                self._rests()
                meter = Meter(self._plane)
                self._crowd = proxies.enter_context(
                    crowd(self._program, PORT, self._streams, CONTROL, record=self._recorded)
                )
                steps = [self._connected(meter)]
                steps += [self._changed(*change) for change in CHANGES]
                steps += self._made_anew("a namespace", ".ns-3.", world.NAMESPACES[3:4])
                steps += self._made_anew("everything", "", world.NAMESPACES)
                self._mark()
            with control_plane(self._state, PORT) as (self._client, self._plane):
                steps.append(self._returned())
        return steps

    def _connected(self, meter: Meter) -> Step:
        self._until("status", lambda said: said["Ready"] == self._streams)
        self._until("report", lambda said: said["Quiet"] > QUIET)
        told = self._crowd.ask("status")
        self._whole = told["Held"]
        return Step(
            what=f"{self._streams} proxies connect",
            cost=meter.read(),
            last=told["AllReadyMs"],
            sent=told["Bytes"],
            pushes=told["Pushes"],
            memory=self._plane.memory(),
            phases=(0,),
        )

    def _changed(self, what: str, touched: str, path: str, content: Callable[[int], object]) -> Step:
        rounds: list[Step] = []
        for number in range(ROUNDS):
            change = partial(self._client.call, "PATCH", path, content(number), content_type=MERGE)
            rounds.append(self._step(what, touched, change, objects=1))
        mean = {
            name: statistics.mean(getattr(one, name) for one in rounds)
            for name in ("sent", "pushes", "again", "outside")
        }
        parts = {name: statistics.mean(getattr(one.cost, name) for one in rounds) for name in Cost.__struct_fields__}
        return Step(
            what=what,
            cost=Cost(**parts),
            objects=1,
            **mean,
            last=statistics.median(one.last for one in rounds),
            memory=self._plane.memory(),
            phases=tuple(phase for one in rounds for phase in one.phases),
        )

    def _made_anew(self, what: str, touched: str, namespaces: Sequence[str]) -> list[Step]:
        trees = world.objects(self._services, namespaces)
        count = len(trees)
        gone = self._step(f"{what} is deleted", touched, partial(self._delete, trees), objects=count, quiet=REMOVED)
        made = self._step(f"{what} is created again", touched, partial(self._apply, trees), objects=count)
        return [gone, made]

    def _returned(self) -> Step:
        """The control plane was started again: its whole life, and what proxies are sent that hold everything."""
        self._until("status", lambda said: said["Ready"] == self._streams == said["Live"])
        return self._measured("the control plane starts again", Meter(self._plane, whole_life=True), QUIET, 0)

    def _step(self, what: str, touched: str, act: Callable[[], object], *, objects: int, quiet: int = QUIET) -> Step:
        meter = Meter(self._plane)
        self._mark(touched)
        act()
        self._until("report", lambda said: said["Streams"] == self._streams)
        if quiet == QUIET:  # nothing is missing: all hold what they held when they had connected
            self._until("status", lambda said: said["Held"] == self._whole)
        return self._measured(what, meter, quiet, objects)

    def _mark(self, touched: str = "") -> None:
        self._marks += 1
        self._crowd.mark(touched)

    def _measured(self, what: str, meter: Meter, quiet: int, objects: int) -> Step:
        told = self._until("report", lambda said: said["Quiet"] > quiet)
        return Step(
            what=what,
            cost=meter.read(),
            objects=objects,
            last=told["Last"]["max_ms"],
            sent=told["Bytes"],
            pushes=told["Pushes"],
            again=told["Again"],
            outside=told["Outside"],
            memory=self._plane.memory(),
            phases=(self._marks,),
        )

    def _until(self, page: str, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while not done(told := self._crowd.ask(page)):
            if time.monotonic() > end:
                raise RuntimeError(f"the crowd is not served: {told}")
            time.sleep(0.1)
        return told

    def _rests(self) -> None:
        """What was applied last is checked and derived: no CPU is spent for a while."""
        before = -1.0
        while (now := self._plane.cpu()) > before + IDLE:
            before = now
            time.sleep(0.5)

    def _apply(self, trees: Sequence[Any]) -> None:
        self._client.call(
            "POST", "/meltemi/v1/apply", {"objects": [{"object": tree} for tree in trees]}, patience=PATIENCE
        )

    def _delete(self, trees: Sequence[Any]) -> None:
        """One after the other, as it is done where a namespace goes."""
        with ThreadPoolExecutor(WRITERS) as writers:
            list(writers.map(partial(delete, self._client), trees))


def _floor(steps: Sequence[Step], programs: tuple[Path, Path], recorded: Path, streams: int) -> None:
    """Measure what was recorded of each step again with the bare server."""
    with floor(programs[1], recorded, FLOOR_PORT, FLOOR_CONTROL) as spent:
        before = spent.cpu()
        with crowd(programs[0], FLOOR_PORT, streams, CONTROL) as proxies:
            for step in steps[:-1]:  # the last one is more than sending
                for phase in step.phases:
                    if phase:
                        before = spent.cpu()
                        proxies.mark()
                        send(FLOOR_CONTROL, phase)
                    _quiet(proxies, streams)
                    step.floor += (spent.cpu() - before) / len(step.phases)


def _quiet(proxies: Crowd, streams: int) -> None:
    end = time.monotonic() + PATIENCE
    while (told := proxies.ask("report"))["Streams"] < streams or told["Quiet"] < QUIET:
        if time.monotonic() > end:
            raise RuntimeError(f"the floor does not serve: {told}")
        time.sleep(0.1)
