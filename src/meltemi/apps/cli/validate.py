"""`meltemi validate FILE…`: find the faults of files without a mesh.

Place:  apps/cli · files → parse → check → findings → terminal
Exit:   0 no errors · 1 errors · 2 a file could not be read
"""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meltemi.apps.cli.output import echo_findings, echo_json, faulty, findings_json, output_option

if TYPE_CHECKING:
    from meltemi.core.model.finding import Finding
    from meltemi.core.model.shown import Shown

SETTINGS = ("MeshConfig", "MeshNetworks", "ExtensionProvider")
ENDINGS = (".yaml", ".yml", ".json")


@click.command(help=__doc__)
@click.argument("files", nargs=-1, metavar="FILE…")
@click.option("-f", "--filename", "more", multiple=True, metavar="FILE", help="a file, as istioctl is given them")
@click.option("-n", "--namespace", default="default", help="of objects that name none")
@click.option("--kind", type=click.Choice(SETTINGS), help="the files hold such settings, without apiVersion and kind")
@output_option
def command(files: tuple[str, ...], more: tuple[str, ...], namespace: str, kind: str | None, output: str) -> None:
    """Print every finding of every file; directories are read with all below them, `-` is standard input."""
    if not files and not more:
        raise click.UsageError("no file is named")
    # Half of the time of a large file went to looking for garbage among trees that are all alive (bench).
    gc.disable()
    found: list[Shown] = []
    for file in _expand((*files, *more)):
        try:
            text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        except OSError as e:
            click.echo(f"error: cannot read {file}: {e.strerror}", err=True)
            raise SystemExit(2) from None
        found += _shown("<stdin>" if file == "-" else file, text, namespace, kind)
    if output == "json":
        echo_json({"findings": findings_json(found)})
    else:
        echo_findings(found, err=False)
    raise SystemExit(1 if faulty(found) else 0)


def _shown(file: str, text: bytes, namespace: str, kind: str | None) -> "Iterator[Shown]":
    from meltemi.core.model.shown import shown
    from meltemi.core.model.source import Source

    lines = text.decode(errors="replace").splitlines()
    quotes = Source(file=file, lines=dict(enumerate(lines, start=1)))
    for finding in _findings(file, text, namespace, kind):
        yield shown(finding, quotes)


def _findings(file: str, text: bytes, namespace: str, kind: str | None) -> "tuple[Finding, ...]":
    if kind is None:
        from meltemi.core.check.validate import validate_bytes

        return validate_bytes(file, text, namespace=namespace)[1]
    from meltemi.core.check.mesh import validate_settings

    return validate_settings(file, text, kind=kind)


def _expand(files: tuple[str, ...]) -> Iterator[str]:
    for file in files:
        path = Path(file)
        if file != "-" and path.is_dir():
            yield from (str(p) for p in sorted(path.rglob("*")) if p.suffix in ENDINGS and p.is_file())
        else:
            yield file
