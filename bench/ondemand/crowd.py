"""The control plane's memory and CPU with many services and many proxies on demand.

Place:  bench/ondemand · crowd/processes (a control plane alone, simulated Envoys that call hosts) → [crowd] → rows
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.crowd import world
from bench.crowd.processes import Spent, build, control_plane, crowd
from meltemi.shell.client import Client

HEAD = ("proxies", "hosts called", "CPU (s)", "memory (MB)", "the most (MB)")
CALLS = 20
"""Hosts that each proxy calls: its own ones, as far as there are enough."""
PORT, CONTROL = 15390, 15391
BATCH = 1000
PATIENCE = 300.0


def measured(services: int, proxies: Sequence[int]) -> list[tuple[object, ...]]:
    """A row for each crowd, in a control plane of its own, that has answered all that was asked."""
    with tempfile.TemporaryDirectory() as place:
        program, _ = build(Path(place))
        return [_row(Path(place) / f"state-{count}", program, services, count) for count in (0, *proxies)]


def _row(state: Path, program: Path, services: int, proxies: int) -> tuple[object, ...]:
    with control_plane(state, PORT) as (client, spent):
        trees = [*world.namespaces(), *world.objects(services)]
        for at in range(0, len(trees), BATCH):
            objects = [{"object": tree} for tree in trees[at : at + BATCH]]
            client.call("POST", "/meltemi/v1/apply", {"objects": objects}, patience=PATIENCE)
        time.sleep(1.0)
        before = spent.cpu()
        if not proxies:
            return _figures(0, 0, before, spent)
        with crowd(program, PORT, proxies, CONTROL, calls=(CALLS, services)):
            _until_answered(client, proxies)
            return _figures(proxies, min(proxies * CALLS, services), before, spent)


def _figures(proxies: int, called: int, before: float, spent: Spent) -> tuple[object, ...]:
    cpu = spent.cpu() - before
    return proxies, called, f"{cpu:.2f}", f"{spent.now():.0f}", f"{spent.memory():.0f}"


def _until_answered(client: Client, proxies: int) -> None:
    """Every proxy holds the hosts that it has called."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        told = client.get("/meltemi/v1/proxies")["proxies"]
        held = [one["types"]["VHDS"]["resources"] for one in told if one["current"]]
        if len(held) == proxies and min(held) >= CALLS:
            return
        time.sleep(1.0)
    raise RuntimeError("not all that was called is answered")
