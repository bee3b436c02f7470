"""The plug is pulled: everything is killed at random moments of 200 writes, and no acknowledged write is lost.

A write is one object, or all objects of one `apply`: none of them is there without the others.
What the kernel holds outlives `kill -9`; what a machine without power loses is another matter (shell/stores/sqlite).
"""

import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from e2e.node.machine import Machine, sleeper
from meltemi.shell.client import Client

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WRITES, PULLS = 200, 12
PARTS = 50
"""Objects of one `apply`."""
LONGEST, LONGEST_OF_MANY = 0.02, 0.03
"""Seconds after the beginning of a write within which the plug is pulled: writes take about as long, or half of it."""
FILLER = "x" * 4000


def write(machine: Machine, number: int) -> None:
    """Make an object that says its number at both ends."""
    path = "/api/v1/namespaces/default/configmaps"
    Client(machine.state / "api.sock").call("POST", path, said(number, f"write-{number}", by="one"))


def write_many(machine: Machine, number: int) -> None:
    """Make such objects by one `apply`, and change the one that every `apply` changes."""
    trees = [said(number, f"write-{number}-{part}", by="many") for part in range(PARTS - 1)]
    trees.append(said(number, "last", by="many"))
    items = [{"object": {"apiVersion": "v1", "kind": "ConfigMap", **tree}} for tree in trees]
    Client(machine.state / "api.sock").call("POST", "/meltemi/v1/apply", {"objects": items})


def said(number: int, name: str, *, by: str) -> dict[str, Any]:
    data = {"a": str(number), "filler": FILLER, "z": str(number)}
    return {"metadata": {"name": name, "labels": {"by": by}}, "data": data}


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


def written(machine: Machine, by: str) -> list[dict[str, str]]:
    """What each object that is there says, as soon as the API answers."""
    client = Client(machine.state / "api.sock")
    end = time.monotonic() + 30
    while True:
        try:
            listed = client.get("/api/v1/namespaces/default/configmaps", {"labelSelector": f"by={by}"})["items"]
            return [one["data"] for one in listed]
        except Exception:
            assert time.monotonic() < end, machine.said()
            time.sleep(0.05)


def check(machine: Machine, acknowledged: set[int], begun: int) -> None:
    """Of writes of one object."""
    found = sound(machine, begun, by="one")
    assert acknowledged - {int(data["a"]) for data in found} == set()


def check_many(machine: Machine, acknowledged: set[int], begun: int) -> None:
    """Of writes of many: each is there with all its objects, or with none."""
    found = Counter(int(data["a"]) for data in sound(machine, begun, by="many"))
    assert acknowledged - set(found) == set()
    newest = max(found, default=0)
    assert found == {number: PARTS if number == newest else PARTS - 1 for number in found}


def sound(machine: Machine, begun: int, *, by: str) -> list[dict[str, str]]:
    """What is there; each object is whole."""
    found = written(machine, by)
    numbers = {int(data["a"]) for data in found}
    assert numbers <= set(range(1, begun + 1))
    assert all(data == {"a": data["a"], "filler": FILLER, "z": data["a"]} for data in found)
    return found


def test_no_acknowledged_write_is_lost_and_none_is_half_there(machine: Machine) -> None:
    machine.pod("witness", sleeper())
    machine.until(lambda: machine.ready("witness"))
    run(machine, write, check, WRITES, LONGEST)
    machine.until(lambda: machine.ready("witness"))
    assert whole(machine.state / "store.db")


def test_an_apply_of_many_objects_is_there_or_is_not(machine: Machine) -> None:
    machine.pod("other-witness", sleeper())
    machine.until(lambda: machine.ready("other-witness"))
    run(machine, write_many, check_many, WRITES // 4, LONGEST_OF_MANY)
    assert whole(machine.state / "store.db")


def run(
    machine: Machine,
    write: Callable[[Machine, int], None],
    check: Callable[[Machine, set[int], int], None],
    writes: int,
    longest: float,
) -> None:
    """So many writes, of which some go on while the plug is pulled, within `longest` seconds of their beginning."""
    seed = random.SystemRandom().randrange(1 << 32)
    dice = random.Random(seed)
    moments = {dice.randrange(1, writes + 1): dice.uniform(0, longest) for _ in range(PULLS)}
    acknowledged: set[int] = set()
    for number in range(1, writes + 1):
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

    check(machine, acknowledged, writes)
    assert len(acknowledged) >= writes - PULLS


def whole(file: Path) -> bool:
    """SQLite finds no fault in its file."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
        return store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
