"""`meltemi delete KIND NAME…` or `-f FILE`: delete objects.

Place:  apps/cli · names or files → API
Exit:   0 deleted · 1 something was not there, or is not gone in time · 2 no mesh answers
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meltemi.apps.cli.output import echo_json, output_option
from meltemi.apps.cli.state import namespace_option, state_option

if TYPE_CHECKING:
    from meltemi.core.model.kinds import Kind
    from meltemi.shell.client import Client

    Name = tuple[Kind, str, str]

PATIENCE = 60.0
"""Seconds that an object has to be gone, where `--wait` is on."""


@click.command(help=__doc__)
@state_option
@click.argument("arguments", nargs=-1, metavar="[KIND NAME…]")
@click.option("-f", "--filename", "files", multiple=True, metavar="FILE", help="delete what these files name")
@namespace_option
@click.option("-l", "--selector", default="", help="all objects of the kind with such labels")
@click.option("--all", "everything", is_flag=True, help="all objects of the kind")
@click.option("--grace-period", type=click.IntRange(min=0), help="seconds that a pod has to stop")
@click.option("--ignore-not-found", is_flag=True, help="what is not there is no failure")
@click.option("--wait/--no-wait", default=True, help="return when the objects are gone")
@output_option
def command(
    state: Path, *, arguments: tuple[str, ...], files: tuple[str, ...], namespace: str, selector: str, everything: bool,
    grace_period: int | None, ignore_not_found: bool, wait: bool, output: str,
) -> None:  # fmt: skip
    """Delete, and print what was deleted."""
    from meltemi.apps.cli.resources import client_of, label

    if bool(arguments) == bool(files):
        raise click.UsageError("write KIND NAME…, or -f FILE")
    client = client_of(state)
    names = list(_in_files(files, namespace) if files else _asked(client, arguments, namespace, selector, everything))
    query = {"gracePeriodSeconds": grace_period, "propagationPolicy": "Background"}
    deleted = [(name, tree) for name in names if (tree := _delete(client, name, query, quiet=ignore_not_found))]
    if output == "json":
        listed = [{"kind": kind.kind, "namespace": home, "name": one} for (kind, home, one), _ in deleted]
        echo_json({"deleted": listed})
    else:
        for (kind, _, one), _ in deleted:
            click.echo(f"{label(kind, one)} deleted")
    gone = all(_await_gone(client, name, tree) for name, tree in deleted) if wait else True
    raise SystemExit(0 if gone and (ignore_not_found or len(deleted) == len(names)) else 1)


def _asked(
    client: "Client", arguments: tuple[str, ...], namespace: str, selector: str, everything: bool
) -> "Iterator[Name]":
    from meltemi.apps.cli.resources import named, path_of

    for kind, name in named(arguments):
        if name:
            yield kind, namespace if kind.namespaced else "", name
        elif selector or everything:
            for one in client.get(path_of(kind, namespace), {"labelSelector": selector})["items"]:
                yield kind, one["metadata"].get("namespace", ""), one["metadata"]["name"]
        else:
            raise click.UsageError(f"which {kind.plural}? write a name, -l SELECTOR or --all")


def _in_files(files: tuple[str, ...], namespace: str) -> "Iterator[Name]":
    """What files name, last first: what stands on others goes before them."""
    from meltemi.apps.cli.resources import files_in
    from meltemi.core.model.kinds import kind_or_unknown
    from meltemi.core.parse.documents import parse

    keys = [one.key for name, text in files_in(files) for one in parse(name, text, namespace=namespace)[0] if one.key]
    for key in reversed(keys):
        yield kind_or_unknown(key.group, key.kind, "v1"), key.namespace, key.name


def _delete(client: "Client", name: "Name", query: dict[str, Any], *, quiet: bool) -> dict[str, Any] | None:
    """The object that was deleted; None where there was none."""
    from meltemi.apps.cli.resources import path_of
    from meltemi.shell.client import RefusedError

    kind, namespace, one = name
    try:
        return client.call("DELETE", path_of(kind, namespace, one), query=query)
    except RefusedError as refused:
        if refused.code != 404:
            raise
        if not quiet:
            click.echo(f"{click.style('error', fg='red')}: {refused}", err=True)
        return None


def _await_gone(client: "Client", name: "Name", deleted: dict[str, Any]) -> bool:
    from meltemi.apps.cli.resources import label, path_of
    from meltemi.shell.client import RefusedError

    kind, namespace, one = name
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            now = client.get(path_of(kind, namespace, one))
        except RefusedError as refused:
            if refused.code != 404:
                raise
            return True
        if now["metadata"]["uid"] != deleted["metadata"]["uid"]:
            return True
        time.sleep(0.1)
    click.echo(f"error: {label(kind, one)} is not gone after {PATIENCE:g} s; does the node run?", err=True)
    return False
