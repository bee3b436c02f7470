"""`meltemi get KIND [NAME]`: show objects.

Place:  apps/cli · API → tables, JSON, YAML → terminal
Exit:   0 shown · 1 there is no such object · 2 no mesh answers
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meltemi.apps.cli.output import echo_json, echo_table
from meltemi.apps.cli.state import namespace_option, state_option

if TYPE_CHECKING:
    from meltemi.core.model.kinds import Kind
    from meltemi.shell.client import Client

Tree = dict[str, Any]
FORMATS = ["text", "wide", "json", "yaml", "name"]


@click.command(help=__doc__)
@state_option
@click.argument("arguments", nargs=-1, required=True, metavar="KIND [NAME…]")
@namespace_option
@click.option("-A", "--all-namespaces", is_flag=True, help="objects of all namespaces")
@click.option("-l", "--selector", default="", help="only objects with such labels: app=reviews,version!=v1")
@click.option("--field-selector", default="", help="only objects with such fields: metadata.name=reviews")
@click.option("-w", "--watch", is_flag=True, help="go on and show every change")
@click.option("-o", "--output", type=click.Choice(FORMATS), default="text", help="how to print it")
def command(
    state: Path, *, arguments: tuple[str, ...], namespace: str, all_namespaces: bool, selector: str,
    field_selector: str, watch: bool, output: str,
) -> None:  # fmt: skip
    """Print the objects asked for."""
    from meltemi.apps.cli.resources import client_of, named

    wanted = list(named(arguments))
    home = "" if all_namespaces else namespace
    query = {"labelSelector": selector, "fieldSelector": field_selector}
    client = client_of(state)
    if watch:
        _watch(client, wanted, home, query, output)
    found, complete = _found(client, wanted, home, query)
    # One object that was asked for by name is printed as itself.
    single = len(wanted) == 1 and bool(wanted[0][1])
    if found or not single:
        _show(found, output, single=single, everywhere=all_namespaces)
    raise SystemExit(0 if complete else 1)


def _found(
    client: "Client", wanted: "Sequence[tuple[Kind, str]]", namespace: str, query: Tree
) -> tuple[list[Tree], bool]:
    """All objects asked for, and whether every name was there."""
    from meltemi.apps.cli.resources import path_of
    from meltemi.shell.client import RefusedError

    found: list[Tree] = []
    complete = True
    for kind, name in wanted:
        if not name:
            listed = client.get(path_of(kind, namespace), query)
            found += listed["items"]
            continue
        try:
            found.append(client.get(path_of(kind, namespace or "default", name)))
        except RefusedError as refused:
            if refused.code != 404:
                raise
            click.echo(f"{click.style('error', fg='red')}: {refused}", err=True)
            complete = False
    return found, complete


def _show(found: list[Tree], output: str, *, single: bool, everywhere: bool) -> None:
    from meltemi.apps.cli.resources import kind_of_object, label

    whole: Tree = found[0] if single else {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": found}
    match output:
        case "json":
            echo_json(whole)
        case "yaml":
            import yaml

            click.echo(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True), nl=False)
        case "name":
            for one in found:
                click.echo(label(kind_of_object(one), one["metadata"]["name"]))
        case _:
            _tables(found, wide=output == "wide", everywhere=everywhere)


def _tables(found: list[Tree], *, wide: bool, everywhere: bool) -> None:
    """A table for each kind, in the order in which they come."""
    if not found:
        click.echo("no resources found", err=True)
    kinds = list(dict.fromkeys((one["apiVersion"], one["kind"]) for one in found))
    for i, kind in enumerate(kinds):
        if i:
            click.echo()
        _table([one for one in found if (one["apiVersion"], one["kind"]) == kind], wide=wide, everywhere=everywhere)


def _table(objects: list[Tree], *, wide: bool, everywhere: bool) -> None:
    from meltemi.apps.cli.tables import columns

    group = objects[0]["apiVersion"].rpartition("/")[0]
    shown = [column for column in columns(objects[0]["kind"], group) if wide or not column[2]]
    if everywhere:
        shown.insert(0, ("NAMESPACE", lambda one: one["metadata"].get("namespace", ""), False))
    rows = [[cell(one) for _, cell, _ in shown] for one in objects]
    echo_table([head for head, _, _ in shown], rows)


def _watch(
    client: "Client", wanted: "Sequence[tuple[Kind, str]]", namespace: str, query: Tree, output: str
) -> None:  # fmt: skip
    """Print what is there and each change, until interrupted."""
    from meltemi.apps.cli.resources import path_of

    if len(wanted) != 1:
        raise click.UsageError("one kind can be watched at a time")
    kind, name = wanted[0]
    if name:
        query = query | {"fieldSelector": f"metadata.name={name}"}
    for event in client.lines(path_of(kind, namespace), query | {"watch": "1"}):
        if output in ("text", "wide"):
            _watched_row(event, wide=output == "wide")
        else:
            _show([event["object"]], output, single=True, everywhere=not namespace)


def _watched_row(event: Tree, *, wide: bool) -> None:
    from meltemi.apps.cli.tables import columns

    one = event["object"]
    group = one["apiVersion"].rpartition("/")[0]
    cells = [cell(one) for _, cell, only_wide in columns(one["kind"], group) if wide or not only_wide]
    click.echo("   ".join([f"{event['type']:<8}", *cells]))
