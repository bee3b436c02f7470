"""`meltemi apply -f FILE`: create or change what files say, all or nothing.

Place:  apps/cli · files → parse, check → API → findings → terminal
All objects of one call are one write of the embedded store: whatever is killed, none is there without the others.
Kubernetes' API knows no such write: with `up --kube` they are all checked first, and then written one by one.

Exit:   0 applied · 1 refused, nothing was changed · 2 a file could not be read, or no mesh answers
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meltemi.apps.cli.output import echo_findings, echo_json, findings_json, output_option
from meltemi.apps.cli.state import namespace_option, state_option

if TYPE_CHECKING:
    from meltemi.core.model.shown import Shown
    from meltemi.core.parse.documents import Parsed


@click.command(help=__doc__)
@state_option
@click.option("-f", "--filename", "files", multiple=True, required=True, metavar="FILE", help="file, directory or -")
@namespace_option
@click.option("--dry-run", is_flag=True, help="only say what would happen")
@output_option
def command(state: Path, *, files: tuple[str, ...], namespace: str, dry_run: bool, output: str) -> None:
    """Apply and print what became of each object."""
    answer = apply_files(state, files, namespace=namespace, dry_run=dry_run)
    findings: list[Shown] = answer["findings"]
    if output == "json":
        echo_json(answer | {"findings": findings_json(findings)})
    else:
        for one in answer["results"]:
            click.echo(f"{_label(one)} {one['result']}{' (dry run)' if dry_run else ''}")
        echo_findings(findings)
        if answer["refused"]:
            click.echo("nothing was changed", err=True)
    raise SystemExit(1 if answer["refused"] else 0)


def apply_files(state: Path, files: Sequence[str], *, namespace: str = "default", dry_run: bool = False) -> Any:
    """`refused`, `results` and `findings` (of Shown) of applying files. Raises OSError and the client's errors."""
    import msgspec

    from meltemi.apps.cli.resources import client_of, files_in
    from meltemi.core.model.shown import Shown

    objects, local = _read(list(files_in(files)), namespace)
    if any(one.severity == "error" for one in local):
        return {"refused": True, "results": [], "findings": local}
    body = {"objects": objects, "namespace": namespace, "dry_run": dry_run}
    answer = send(client_of(state), body)
    findings = msgspec.convert(answer["findings"], list[Shown])
    # Findings of objects that were sent come back with the answer; those of nothing that has a name do not.
    return answer | {"findings": [one for one in local if one.resource is None] + findings}


def _read(files: Sequence[tuple[str, bytes]], namespace: str) -> "tuple[list[dict[str, Any]], list[Shown]]":
    """The objects to send, and all findings of the files."""
    from meltemi.core.check.validate import validate_bytes
    from meltemi.core.model.shown import shown
    from meltemi.core.model.source import Source

    objects: list[dict[str, Any]] = []
    findings: list[Shown] = []
    for name, text in files:
        parsed, found = validate_bytes(name, text, namespace=namespace)
        lines = dict(enumerate(text.decode(errors="replace").splitlines(), start=1))
        findings += [shown(one, Source(file=name, lines=lines)) for one in found]
        objects += [_item(one) for one in parsed if one.key is not None]
    return objects, findings


def _item(parsed: "Parsed") -> dict[str, Any]:
    return {"object": parsed.tree, "source": parsed.source}


def send(client: Any, body: object) -> Any:
    """The answer of the mesh to an apply; a refusal is an answer too."""
    from meltemi.shell.client import RefusedError

    try:
        return client.call("POST", "/meltemi/v1/apply", body)
    except RefusedError as refused:
        if "refused" not in refused.body:
            raise
        return dict(refused.body)


def _label(one: dict[str, Any]) -> str:
    from meltemi.core.model.kinds import kind_named

    kind = kind_named(one["kind"])
    group = f".{kind.group}" if kind and kind.group else ""
    return f"{one['kind'].lower()}{group}/{one['name']}"
