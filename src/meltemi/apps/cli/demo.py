"""`meltemi demo`: Bookinfo as a mesh, with some traffic, in the foreground; Ctrl-C takes it down.

Place:  apps/cli · apps/lifecycle → pods → requests through the gateway → a table of what flows
Exit:   0 it ran · 1 something did not come up · 2 could not
"""

import json
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from meltemi.apps.cli.state import network_options, state_option

REQUESTS = 60


@click.command(help=__doc__)
@state_option
@click.option("--gateway-port", type=click.IntRange(1, 65535), help="serve the gateway on this port of 127.0.0.1")
@network_options
@click.option("--timeout", default=120.0, show_default=True, help="seconds that everything may take to come up")
@click.pass_context
def command(
    context: click.Context,
    *,
    state: Path,
    gateway_port: int | None,
    pod_cidr: str,
    service_cidr: str,
    timeout: float,
) -> None:
    """Start, send traffic, show it, stay."""
    from meltemi.apps.lifecycle import MANIFESTS, Lifecycle, Options, foreground

    options = Options(state=state, gateway_port=gateway_port, pod_cidr=pod_cidr, service_cidr=service_cidr)
    mesh = Lifecycle(options, say=lambda text: click.echo(text, err=True))
    mesh.prepare()
    with foreground(mesh):
        mesh.start()
        files = [MANIFESTS / "bookinfo" / name for name in ("bookinfo.yaml", "gateway.yaml")]
        good = mesh.apply(files) and mesh.wait_ready(timeout)
        address = mesh.address()
        if good:
            _show(address)
        click.echo(f"\nopen {address}/productpage   (Ctrl-C takes the mesh down)")
        mesh.stay()
    context.exit(0 if good else 1)


def _show(address: str) -> None:
    """Send some requests, and print who answered them."""
    from rich.console import Console
    from rich.table import Table

    seen: Counter[tuple[str, str]] = Counter()
    spent = 0.0
    for _ in range(REQUESTS):
        start = time.monotonic()
        seen[_ask(address)] += 1
        spent += time.monotonic() - start
    table = Table("productpage → reviews", "stars", "requests", title=f"{REQUESTS} requests through the gateway")
    for (pod, stars), count in sorted(seen.items()):
        table.add_row(pod, stars, str(count))
    console = Console()
    console.print(table)
    console.print(f"{1000 * spent / REQUESTS:.0f} ms each, through seven Envoys")


def _ask(address: str) -> tuple[str, str]:
    """The pod of reviews that answered, and its stars; or what went wrong."""
    parts = urlsplit(address)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=10)
    try:
        connection.request("GET", "/api/v1/products/0/reviews")
        response = connection.getresponse()
        body = response.read()
    except (OSError, HTTPException) as problem:
        return "nobody", str(problem)
    finally:
        connection.close()
    if response.status != 200:
        return "nobody", f"status {response.status}"
    answer: dict[str, Any] = json.loads(body)
    rating: dict[str, str] = answer["reviews"][0].get("rating") or {}
    return answer["podname"], rating.get("color") or rating.get("error") or "none"
