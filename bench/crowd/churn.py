"""`scripts/bench churn`: random changes as fast as they are taken, for minutes, with a crowd that listens.

Place:  bench/crowd · changes, processes → [churn] → Markdown

At every hundredth step everything must be acknowledged, what proxies of all namespaces are offered and hold must be
what a new engine derives from the store's documents, and the control plane's memory is noted. What is not so raises.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
import msgspec

from bench import page
from bench.crowd import world
from bench.crowd.changes import Change, Changes
from bench.crowd.processes import Crowd, Spent, build, control_plane, crowd, delete, go
from bench.crowd.steps import CONTROL, PORT
from bench.crowd.world import NAMESPACES
from bench.measure import table
from meltemi.core.check.validate import check_document
from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Proxy
from meltemi.core.pipeline.compile import fill
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.shell.client import Client
from meltemi.shell.measures import TYPES
from meltemi.shell.session import proxy_of

STRIDE = 100
"""Steps between two looks."""
PATIENCE = 120.0
"""Seconds until all has been acknowledged: clusters that go take two at least."""
LOOKS = 4
"""At least so many, for memory to be compared."""
KINDS = ("namespaces", "services", "endpointslices", "virtualservices", "destinationrules")
_GROUPS = {"endpointslices": "discovery.k8s.io/v1", "virtualservices": "networking.istio.io/v1",
    "destinationrules": "networking.istio.io/v1"}  # fmt: skip
HEAD = ("what", "figure")
HEADING = "Random changes without end"
ABOUT = f"""\
Endpoints, timeouts, and services with all that belongs to them, which go and come back: one change after the other, as
fast as the API takes them. At every {STRIDE}th all is acknowledged, and what proxies of all namespaces are offered and
hold is what a new engine derives from the stored documents; the time of these looks is not counted. Memory *early* is
the median of the second quarter of the looks, *late* that of the last."""
Versions = dict[tuple[str, str], str]


class Result(msgspec.Struct, kw_only=True):
    """Of a run."""

    services: int
    streams: int
    steps: int
    seconds: float
    """That went into changes, without the looks."""
    cpu: float
    pushes: int
    memory: list[float]
    """MB at each look."""

    @property
    def early(self) -> float:
        """MB, the median of the second quarter of looks: the first one fills what is remembered."""
        quarter = len(self.memory) // 4
        return statistics.median(self.memory[quarter : 2 * quarter])

    @property
    def late(self) -> float:
        """The same of the last quarter."""
        return statistics.median(self.memory[-(len(self.memory) // 4) :])


def measure(programs: tuple[Path, Path], *, services: int, streams: int, seconds: float, seed: int = 1) -> Result:
    """Change for so many seconds (looks are not counted). Raises where a proxy is not whole at a look."""
    with tempfile.TemporaryDirectory() as place, control_plane(Path(place) / "state", PORT) as (client, spent):
        changes = Changes(services, seed)
        _apply(client, [("put", tree) for tree in changes.first()])
        with crowd(programs[0], PORT, streams, CONTROL) as proxies:
            _until(lambda: proxies.ask("status")["Ready"] == streams, "the crowd connects")
            return _run(client, spent, proxies, changes, seconds)


def _run(client: Client, spent: Spent, proxies: Crowd, changes: Changes, seconds: float) -> Result:
    result = Result(services=changes.services, streams=proxies.streams, steps=0, seconds=0, cpu=0, pushes=0, memory=[])
    pushes = proxies.ask("status")["Pushes"]
    while result.seconds < seconds or len(result.memory) < LOOKS:
        start, before = time.monotonic(), spent.cpu()
        for _ in range(STRIDE):
            _apply(client, changes.next())
        _settled(client, result.steps)
        result.seconds += time.monotonic() - start
        result.cpu += spent.cpu() - before
        result.steps += STRIDE
        look(client, proxies)
        result.memory.append(spent.now())
        sys.stderr.write(f"{result.steps} steps in {result.seconds:.0f} s, {result.memory[-1]:.0f} MB\n")
    result.pushes = proxies.ask("status")["Pushes"] - pushes
    return result


def look(client: Client, proxies: Crowd) -> None:
    """Raises where what proxies are offered, or hold, is not what a new engine derives, or one is missing."""
    told = proxies.ask("status")
    if told["Live"] != proxies.streams or told["Pending"] or told["Nacked"] or told["Reconnects"]:
        raise RuntimeError(f"the crowd is not whole: {told}")
    engine = Engine()
    fill(engine, (one for tree in _stored(client) if (one := check_document(tree)[0]) is not None))
    for number, namespace in enumerate(NAMESPACES[: proxies.streams]):
        proxy = _proxy(number, namespace)
        bodies = (slot.body.run(engine) for slot in engine.get(slots, engine.get(scope_of, proxy)))
        wanted = {(TYPES[one.type], one.name): one.version for one in bodies if one is not None}
        offered, held = _dump(client, proxy.id)
        if offered != wanted:
            raise RuntimeError(
                f"{proxy.id} is offered other things than a new engine derives: {_apart(offered, wanted)}"
            )
        if held != {name: wanted[name] for name in held}:
            raise RuntimeError(f"{proxy.id} holds other versions than it is offered: {_apart(held, wanted)}")


def _proxy(number: int, namespace: str) -> Proxy:
    """As xdsload says who it is."""
    metadata = {"NAMESPACE": namespace, "CLUSTER_ID": "Kubernetes", "ISTIO_VERSION": "1.28.0",
        "SERVICE_ACCOUNT": "default", "LABELS": {"app": "load", "version": "v1"}}  # fmt: skip
    name = f"load-{number}.{namespace}"
    return proxy_of({"id": f"sidecar~10.64.0.{number}~{name}~{namespace}.svc.cluster.local", "metadata": metadata})


def _dump(client: Client, proxy: str) -> tuple[Versions, Versions]:
    """What one proxy is offered, and what it holds of it."""
    types: dict[str, Any] = client.get(f"/debug/config_dump?{urlencode({'proxyID': proxy})}")["types"]
    each = [(kind, one) for kind, found in types.items() for one in found]
    offered = {(kind, one["name"]): one["version"] for kind, one in each}
    return offered, {(kind, one["name"]): one["held"] for kind, one in each if one["held"]}


def _apart(one: Versions, other: Versions) -> list[tuple[str, str]]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))[:10]


def _stored(client: Client) -> list[Any]:
    found: list[Any] = []
    for kind in KINDS:
        root = f"/apis/{_GROUPS[kind]}" if kind in _GROUPS else "/api/v1"
        found += client.get(f"{root}/{kind}")["items"]
    return found


def _settled(client: Client, step: int) -> None:
    """Returns when all that was written before is told and acknowledged."""
    last = world.namespaces()[0] | {"metadata": {"name": NAMESPACES[0], "labels": {"step": str(step)}}}
    _apply(client, [("put", last)])
    query = urlencode({"kind": "Namespace", "name": NAMESPACES[0], "timeout": PATIENCE})
    if client.call("GET", f"/meltemi/v1/wait?{query}", patience=2 * PATIENCE)["late"]:
        raise RuntimeError(f"not told within {PATIENCE:.0f} s")
    _until(lambda: all(one["current"] for one in client.get("/meltemi/v1/proxies")["proxies"]), "all is acknowledged")


def _until(done: Any, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {PATIENCE:.0f} s: {what}")
        time.sleep(0.1)


def _apply(client: Client, changes: Sequence[Change]) -> None:
    put = [{"object": tree} for verb, tree in changes if verb == "put"]
    if put:
        client.call("POST", "/meltemi/v1/apply", {"objects": put}, patience=PATIENCE)
    for tree in (tree for verb, tree in changes if verb == "delete"):
        delete(client, tree)


def rows(result: Result) -> list[tuple[object, ...]]:
    """As they are shown."""
    return [
        ("services, streams", f"{result.services:,}, {result.streams:,}"),
        ("changes", f"{result.steps:,} in {result.seconds:.0f} s: {result.steps / result.seconds:.0f} a second"),
        ("CPU of the control plane, its API among them", f"{1000 * result.cpu / result.steps:.1f} ms a change"),
        ("responses", f"{result.pushes:,}"),
        ("looks at which all was as from scratch, and acknowledged", f"{len(result.memory)} of {len(result.memory)}"),
        ("memory early, late", f"{result.early:.0f}, {result.late:.0f} MB"),
    ]


@click.command(help=__doc__)
@click.option("--services", default=250, show_default=True)
@click.option("--streams", default=100, show_default=True)
@click.option("--seconds", default=600.0, show_default=True, help="That go into changes.")
@click.option("--seed", default=1, show_default=True)
@click.option("--keep", is_flag=True, help="Put the figures into docs/reference/performance.md.")
def main(*, services: int, streams: int, seconds: float, seed: int, keep: bool) -> None:
    """Entry point."""
    if not go():
        raise click.ClickException("Not measured: needs Go, to build the crowd.")
    with tempfile.TemporaryDirectory() as place:
        result = measure(build(Path(place)), services=services, streams=streams, seconds=seconds, seed=seed)
    part = f"{table(HEAD, rows(result))}\n\n{ABOUT}"
    if keep:
        page.keep(HEADING, part)
    click.echo(part)
