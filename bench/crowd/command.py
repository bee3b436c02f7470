"""`scripts/bench crowd`: the table of a crowd, and how it grows; kept in bench/history/crowd.jsonl when asked.

Place:  bench/crowd · steps → [command] → Markdown, history
"""

import datetime
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from bench.crowd.processes import build, go
from bench.crowd.steps import ROUNDS, Step, measure
from bench.measure import table

SERVICES, STREAMS = 1000, 500
GROWTH = ((250, 500), (1000, 500), (4000, 500), (1000, 100), (1000, 2000))
ABOUT = f"""\
Services of ten endpoints in ten namespaces, a hundred of them with a VirtualService and a DestinationRule; simulated
Envoys in all namespaces, a connection each, that follow references and acknowledge, over gRPC on loopback. CPU seconds
of the control plane, its API among them. *Floor*: a bare grpc-go server that sends the same bytes to the same streams
and reads what they answer. *Held already*: resources that a proxy held byte for byte; *not touched*: resources whose
names the change does not concern. The small changes are the mean of {ROUNDS}, their times the median. Times are from
before the change until the last proxy got the last push of it; the crowd takes a good part of the CPUs itself. Clusters
are deleted only when no request under way may need them, so deletions take two seconds at least."""
HISTORY = Path(__file__).parents[1] / "history/crowd.jsonl"
HEAD = (
    "what", "CPU (s)", "floor (s)", "ratio", "to the last (ms)", "MB sent", "pushes", "held already", "not touched",
    "most memory (MB)",
)  # fmt: skip


def unable() -> str:
    """Why this cannot be measured here; empty if it can."""
    return "" if go() else "Not measured: needs Go, to build the crowd."


def rows(steps: Sequence[Step]) -> list[tuple[object, ...]]:
    """As they are shown."""
    return [
        (
            one.what,
            f"{one.cpu:.3f}",
            f"{one.floor:.3f}" if one.floor else "",
            f"{one.cpu / one.floor:.1f}" if one.floor else "",
            f"{one.last:,.0f}",
            f"{one.sent / 1e6:,.2f}",
            round(one.pushes),
            round(one.again),
            round(one.outside),
            f"{one.memory:.0f}",
        )
        for one in steps
    ]


def measured(sizes: Sequence[tuple[int, int]]) -> list[tuple[int, int, list[Step]]]:
    """For each number of services and of streams, the steps; says on stderr how far it is."""
    found: list[tuple[int, int, list[Step]]] = []
    with tempfile.TemporaryDirectory() as place:
        programs = build(Path(place))
        for services, streams in sizes:
            steps = measure(programs, services, streams)
            found.append((services, streams, steps))
            sys.stderr.write(f"{title(services, streams)}\n\n{table(HEAD, rows(steps))}\n\n")
    return found


def title(services: int, streams: int) -> str:
    """Of a table."""
    return f"{services:,} services, {streams:,} streams"


def tables(found: Sequence[tuple[int, int, list[Step]]]) -> str:
    """As Markdown."""
    return "\n\n".join(f"{title(one, two)}:\n\n{table(HEAD, rows(steps))}" for one, two, steps in found)


def keep(found: Sequence[tuple[int, int, list[Step]]]) -> None:
    """Add to the history, a line for each world."""
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    HISTORY.parent.mkdir(exist_ok=True)
    with HISTORY.open("ab") as file:
        for services, streams, steps in found:
            line = {
                "date": str(datetime.datetime.now(datetime.UTC).date()), "commit": said.stdout.strip(),
                "services": services, "streams": streams, "steps": [_short(one) for one in steps],
            }  # fmt: skip
            file.write(msgspec.json.encode(line) + b"\n")


def _short(step: Step) -> dict[str, object]:
    fields = msgspec.structs.asdict(step)
    del fields["phases"]
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in fields.items()}


@click.command(help=__doc__)
@click.option("--services", default=SERVICES, show_default=True)
@click.option("--streams", default=STREAMS, show_default=True)
@click.option("--growth", is_flag=True, help=f"Measure worlds of all these sizes: {GROWTH}.")
@click.option("--keep", "kept", is_flag=True, help="Add the figures to bench/history/crowd.jsonl.")
def main(*, services: int, streams: int, growth: bool, kept: bool) -> None:
    """Entry point."""
    if why := unable():
        raise click.ClickException(why)
    found = measured(GROWTH if growth else ((services, streams),))
    if kept:
        keep(found)
    click.echo(tables(found))
