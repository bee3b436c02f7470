"""A crowd of proxies on one control plane: what each step costs, of what that consists, and a bare server beside it.

Place:  bench/crowd · steps, scratch → [command] → Markdown, bench/history, docs/reference/performance.md
"""

import datetime
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from bench import page
from bench.crowd import scratch, tables
from bench.crowd.processes import build, go
from bench.crowd.step import Step, World
from bench.crowd.steps import ROUNDS, measure

SERVICES, STREAMS = 1000, 500
GROWTH = ((250, 500), (1000, 500), (4000, 500), (1000, 100), (1000, 2000))
HISTORY = Path(__file__).parents[1] / "history/crowd.jsonl"
HEADING, GROWTH_HEADING = "A crowd on one control plane", "How a crowd's cost grows"
ABOUT = f"""\
Services of ten endpoints in ten namespaces, a hundred of them with a VirtualService and a DestinationRule; simulated
Envoys in all namespaces, a connection each, that follow references and acknowledge, over gRPC on loopback. CPU seconds
of the control plane, and what they consist of: *API*, requests until they are answered (a namespace of 100 services is
220 to 320 objects, each of which is deleted by a request of its own; created again they are one request); *check*,
what was stored is read; *derive*, what proxies get, once for all of a scope; *push*, all else: streams, transport, the
event loop. *Floor*: a bare grpc-go server that sends the same bytes to the same streams and reads what they answer. It
does nothing else, so *push / floor* compares like with like, and *CPU / floor* says what all of it costs beside that.
*Held already*: resources that a proxy held byte for byte; *not touched*: resources whose names the change does not
concern. The small changes are the mean of {ROUNDS}, their times the median. Times are from before the change until the
last proxy got the last push of it; the crowd takes a good part of the CPUs itself. Clusters are deleted only when no
request under way may need them, so deletions take two seconds at least. What starts again pays for the start of
Python, for reading the store, and for what the crowd says that it holds."""
GROWTH_ABOUT = """\
The same steps with more services, and with more streams. *Times*: how many times what 1,000 services and 500 streams
take. *A stream*, *an object*: the CPU of the whole, shared among the streams, and among the objects that were written
or deleted. The most memory is that of all steps until then."""


def unable() -> str:
    """Why this cannot be measured here; empty if it can."""
    return "" if go() else "Not measured: needs Go, to build the crowd."


def measured(sizes: Sequence[tuple[int, int]]) -> list[World]:
    """For each number of services and of streams, the steps; says on stderr how far it is."""
    found: list[World] = []
    with tempfile.TemporaryDirectory() as place:
        programs = build(Path(place))
        for services, streams in sizes:
            found.append(measure(programs, services, streams))
            sys.stderr.write(f"{report(found[-1])}\n\n")
    return found


def report(world: World) -> str:
    """The tables of one world."""
    return f"{world.title}:\n\n{tables.costs(world.steps)}\n\n{tables.seen(world.steps)}"


def page_part(world: World) -> str:
    """One world, beside what its stages cost from scratch."""
    stages = scratch.measure(world.services)
    return f"""{report(world)}

{ABOUT}

Measured on {_today()}. Designs 0016, 0020 and 0029 say what it was before, and what is aimed at.

From nothing to all bytes at this load, in one process, ten scopes:

{stages}
"""


def growth_part(worlds: Sequence[World]) -> str:
    """All worlds in one table."""
    return f"{tables.growth(worlds, (SERVICES, STREAMS))}\n\n{GROWTH_ABOUT}\n\nMeasured on {_today()}."


def remember(worlds: Sequence[World]) -> None:
    """Add to the history, a line for each world."""
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    HISTORY.parent.mkdir(exist_ok=True)
    with HISTORY.open("ab") as file:
        for world in worlds:
            line = {
                "date": _today(), "commit": said.stdout.strip(),
                "services": world.services, "streams": world.streams, "steps": [_short(one) for one in world.steps],
            }  # fmt: skip
            file.write(msgspec.json.encode(line) + b"\n")


def _today() -> str:
    return str(datetime.datetime.now(datetime.UTC).date())


def _short(step: Step) -> dict[str, object]:
    """`cpu` is the whole, as it was called before it was split."""
    cost = step.cost
    fields = {"what": step.what, "cpu": cost.whole, "api": cost.api, "check": cost.check, "derive": cost.derive}
    fields |= {name: getattr(step, name) for name in Step.__struct_fields__ if name not in ("what", "cost", "phases")}
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in fields.items()}


@click.command(help=__doc__)
@click.option("--services", default=SERVICES, show_default=True)
@click.option("--streams", default=STREAMS, show_default=True)
@click.option("--growth", is_flag=True, help=f"Measure worlds of all these sizes, and how they grow: {GROWTH}.")
@click.option("--keep", is_flag=True, help="Add the figures to bench/history, and to docs/reference/performance.md.")
def main(*, services: int, streams: int, growth: bool, keep: bool) -> None:
    """Entry point."""
    if why := unable():
        raise click.ClickException(why)
    found = measured(GROWTH if growth else ((services, streams),))
    if keep:
        remember(found)
    heading, part = (GROWTH_HEADING, growth_part(found)) if growth else (HEADING, page_part(found[0]))
    if keep:
        page.keep(heading, part)
    click.echo(part)
