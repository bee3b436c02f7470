"""`scripts/bench ondemand`: sidecars that hold what their workloads call, in a mesh of many services.

Place:  bench/ondemand · sidecars, crowd → [command] → Markdown. Needs root.
"""

import os

import click

from bench import page
from bench.crowd.command import unable as without_go
from bench.measure import table
from bench.ondemand import crowd, sidecars

HEADING = "Sidecars that hold what is called"
SIZES = (100, 1_000, 4_000, 10_000)
PROXIES = (10, 100, 500)
_TEXT = """\
{line}

A new sidecar that has called nothing:

{growth}

Real Envoys; every service has one port, one endpoint that is ready and two that are not. *Ready after* is Envoy's own
time from its start until its listeners take connections. Requests come one after the other, each on a connection of its
own, from a process beside the sidecar; first ones to {first} hosts, then later ones to the same.

The control plane alone with {services:,} services of ten endpoints in ten namespaces, and simulated proxies on demand
that call {calls} hosts each:

{crowd}

Every proxy is a workload of its own. CPU seconds are from the first connection until all hosts are held, the
measurement's own questions among them."""


def unable() -> str:
    """Why this cannot be measured here; empty if it can."""
    return "" if os.geteuid() == 0 else "Not measured: needs root."


def tables(sizes: tuple[int, ...] = SIZES, proxies: tuple[int, ...] = PROXIES) -> str:
    """As Markdown."""
    line, growth = sidecars.measured(sizes)
    return _TEXT.format(
        line=table(sidecars.LINE, line),
        growth=table(sidecars.GROWTH, growth),
        first=sidecars.FIRST,
        services=sizes[-1],
        calls=crowd.CALLS,
        crowd=without_go() or table(crowd.HEAD, crowd.measured(sizes[-1], proxies)),
    )


@click.command(help=__doc__)
@click.option("--services", default=SIZES[-1], show_default=True, help="Of the largest mesh.")
@click.option("--keep", is_flag=True, help="Add the figures to docs/reference/performance.md.")
def main(*, services: int, keep: bool) -> None:
    """Entry point."""
    if why := unable():
        raise click.ClickException(why)
    text = tables((*(size for size in SIZES if size < services), services))
    if keep:
        page.keep(HEADING, text)
    click.echo(text)
