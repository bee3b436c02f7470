"""The plug is pulled: everything is killed at random moments of 200 writes, and no acknowledged write is lost.

A write is one object: of a file with several, `apply` writes one after the other, and goes on where it is asked again.
What the kernel holds outlives `kill -9`; what a machine without power loses is another matter (shell/stores/sqlite).
"""

import os
import random
import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from e2e.node.machine import Machine, sleeper
from meltemi.shell.client import Client

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WRITES, PULLS = 200, 12
LONGEST = 0.02
"""Seconds after the beginning of a write within which the plug is pulled: writes take about half as long."""
FILLER = "x" * 4000


def write(machine: Machine, number: int) -> None:
    """Make an object that says its number at both ends."""
    client = Client(machine.state / "api.sock")
    path = "/api/v1/namespaces/default/configmaps"
    data = {"a": str(number), "filler": FILLER, "z": str(number)}
    client.call("POST", path, {"metadata": {"name": f"write-{number}", "labels": {"by": "test"}}, "data": data})


def pull(machine: Machine) -> None:
    """Kill every process of the mesh."""
    for daemon in ("control-plane", "node"):
        machine.kill(daemon)
    for file in machine.state.glob("pods/*/sandbox.pid"):
        try:
            os.kill(int(file.read_text()), signal.SIGKILL)
        except ProcessLookupError:
            continue


def plug_in(machine: Machine) -> None:
    for daemon in ("control-plane", "node"):
        machine.start(daemon)


def written(machine: Machine) -> list[dict[str, str]]:
    """What each object that is there says, as soon as the API answers."""
    client = Client(machine.state / "api.sock")
    end = time.monotonic() + 30
    while True:
        try:
            listed = client.get("/api/v1/namespaces/default/configmaps", {"labelSelector": "by=test"})["items"]
            return [one["data"] for one in listed]
        except Exception:
            assert time.monotonic() < end, machine.said()
            time.sleep(0.05)


def check(machine: Machine, acknowledged: set[int], begun: int) -> None:
    found = written(machine)
    numbers = {int(data["a"]) for data in found}
    assert acknowledged - numbers == set()
    assert numbers <= set(range(1, begun + 1))
    assert all(data == {"a": data["a"], "filler": FILLER, "z": data["a"]} for data in found)


def test_no_acknowledged_write_is_lost_and_none_is_half_there(machine: Machine) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    dice = random.Random(seed)
    moments = {dice.randrange(1, WRITES + 1): dice.uniform(0, LONGEST) for _ in range(PULLS)}
    machine.pod("witness", sleeper())
    machine.until(lambda: machine.ready("witness"))
    acknowledged: set[int] = set()

    for number in range(1, WRITES + 1):
        plug = threading.Timer(moments[number], pull, (machine,)) if number in moments else None
        if plug:
            plug.start()
        try:
            write(machine, number)
            acknowledged.add(number)
        except Exception as problem:
            if plug is None:
                raise AssertionError(f"write {number} failed with the plug in, seed {seed}") from problem
        if plug:
            plug.join()
            plug_in(machine)
            check(machine, acknowledged, number)

    check(machine, acknowledged, WRITES)
    assert len(acknowledged) >= WRITES - PULLS
    machine.until(lambda: machine.ready("witness"))
    assert whole(machine.state / "store.db")


def whole(file: Path) -> bool:
    """SQLite finds no fault in its file."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
        return store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
