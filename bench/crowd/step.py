"""What one step was and cost; what a control plane's CPU consists of.

Place:  bench/crowd · processes → [step] → steps, tables
"""

import msgspec

from bench.crowd.processes import ControlPlane

DERIVING = ("derive", "offer", "scope", "enter")
"""Stages that find out what scopes get; after `check`, before the streams are asked."""


class Cost(msgspec.Struct, kw_only=True, frozen=True):
    """Seconds of CPU of the control plane."""

    whole: float
    api: float
    """Requests of the API, until they are answered."""
    check: float
    derive: float

    @property
    def push(self) -> float:
        """All else: streams, transport, the event loop and looking for garbage."""
        return max(0.0, self.whole - self.api - self.check - self.derive)


class Meter:
    """From its making on."""

    def __init__(self, plane: ControlPlane, *, whole_life: bool = False) -> None:
        """`whole_life`: from the start of the process instead."""
        self._plane = plane
        self._stages = {} if whole_life else plane.stages()
        self._cpu = 0.0 if whole_life else plane.cpu()  # last: to ask for stages is no part of a step

    def read(self) -> Cost:
        """What was spent since."""
        whole = self._plane.cpu() - self._cpu
        spent = {name: value - self._stages.get(name, 0.0) for name, value in self._plane.stages().items()}
        return Cost(whole=whole, api=spent["api"], check=spent["check"], derive=sum(spent[name] for name in DERIVING))


class Step(msgspec.Struct, kw_only=True):
    """One row."""

    what: str
    cost: Cost
    objects: int = 0
    """That were written or deleted."""
    last: float
    """Milliseconds from before the change until the last proxy got the last push of it."""
    sent: float
    """Bytes, to all proxies."""
    pushes: float
    again: float = 0
    """Resources that a proxy held already, byte for byte."""
    outside: float = 0
    """Resources that the change did not concern."""
    memory: float
    """The most that the control plane held until then, MB."""
    floor: float = 0.0
    """Seconds of the floor for the same bytes."""
    phases: tuple[int, ...] = ()
    """The recorded parts that the floor sends."""


class World(msgspec.Struct, kw_only=True):
    """The steps of one world and crowd."""

    services: int
    streams: int
    steps: list[Step]

    @property
    def title(self) -> str:
        return f"{self.services:,} services, {self.streams:,} streams"
