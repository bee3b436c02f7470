"""`meltemi ca`: see, rotate and replace the authority that signs workloads' certificates.

Place:  apps/cli · API (or the keys themselves, where no mesh runs) → terminal
Exit:   0 done · 1 some proxy has not followed in time · 2 could not

A rotation goes from one authority to the next in three steps, each taken when every proxy has followed the one before:
both are trusted, the new one signs, the old one is dropped. Each step can be taken back.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource

from meltemi.apps.cli.output import SpanType, echo_json, echo_table, output_option
from meltemi.apps.cli.state import state_option

Tree = dict[str, Any]
FILES = {
    "ca_cert": "ca-cert.pem", "ca_key": "ca-key.pem", "root_cert": "root-cert.pem", "cert_chain": "cert-chain.pem"
}  # fmt: skip
"""An authority as Istio's users keep it."""
RESTING = ("steady", "old-dropped")
"""Steps at which no rotation is under way."""
SAYS = {
    "steady": "one authority is trusted and signs",
    "both-trusted": "the old and the new authority are trusted, the old one signs",
    "new-signs": "the old and the new authority are trusted, the new one signs",
    "old-dropped": "the new authority alone is trusted and signs: the rotation is done",
}


F = TypeVar("F", bound=Callable[..., Any])


def _shared(function: F) -> F:
    """`--state` and `-o`, before or after the verb."""

    @state_option
    @output_option
    @click.pass_context
    @wraps(function)
    def called(context: click.Context, **said: Any) -> Any:
        above = context.parent
        for name in ("state", "output"):
            if above and _written(above, name) and not _written(context, name):
                said[name] = above.params[name]
        return function(**said)

    return cast("F", called)


def _written(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


@click.group(help=__doc__)
@state_option
@output_option
def command(state: Path, output: str) -> None:
    """What the authority is, and what is done to it."""
    del state, output  # the verb reads them


@command.command()
@_shared
def status(*, state: Path, output: str) -> None:
    """Show the authorities, the step of a rotation, and every proxy's certificate."""
    from meltemi.apps.cli.resources import client_of

    found: Tree = client_of(state).get("/meltemi/v1/ca")
    if output == "json":
        echo_json(found)
        return
    _step(found)
    _authorities(found)
    _certificates(found)


@command.command()
@_shared
@click.option("--back", is_flag=True, help="take the last step back")
@click.option("--to", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="begin a rotation to the authority in this directory, not to a new root")  # fmt: skip
@click.option("--all", "whole", is_flag=True, help="take every step, up to the end")
@click.option(
    "--timeout", type=SpanType(), default="60s", show_default=True, help="how long proxies may take to follow"
)
def rotate(*, state: Path, output: str, back: bool, folder: Path | None, whole: bool, timeout: float) -> None:
    """Take the next step of a rotation, when every proxy has followed the last one."""
    parts = _read(folder) if folder else None
    said: Tree = {"back": back, "timeout": timeout}
    found = _call(state, "rotate", {**said, "to": parts}, timeout)
    while found["done"] and whole:
        _say_step(found, output)
        if found["step"] in RESTING:
            found = _call(state, "follow", said, timeout)
            break
        found = _call(state, "rotate", said, timeout)
    if output == "json":
        echo_json(found)
    elif found["done"]:
        _say_step(found, "text" if not whole else "")
    else:
        _late(found)
    raise SystemExit(0 if found["done"] else 1)


@command.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_shared
def plug(*, folder: Path, state: Path, output: str) -> None:
    """Let the authority in DIR sign: ca-cert.pem, ca-key.pem, root-cert.pem, cert-chain.pem.

    In a running mesh it must have the root that is trusted already; use `ca rotate --to` for another.
    """
    from meltemi.apps.cli.resources import client_of
    from meltemi.apps.lifecycle import running

    parts = _read(folder)
    if running(state):
        found: Tree = client_of(state).call("POST", "/meltemi/v1/ca/plug", parts)
        signer = found["signer"]["identifier"]
    else:
        signer = asyncio.run(_plug(state, parts))
    if output == "json":
        echo_json({"signer": signer})
    else:
        click.echo(f"the authority {signer} signs from now on")


async def _plug(state: Path, parts: Tree) -> str:
    """Where nobody runs nobody need follow."""
    import msgspec
    import structlog

    from meltemi.apps.lifecycle import CannotError
    from meltemi.core.identity.authority import Parts
    from meltemi.shell.authorities import Authorities, AuthorityError
    from meltemi.shell.keys.files import FileKeys
    from meltemi.shell.runtime.settings import FILE as SETTINGS

    if (state / SETTINGS).exists():
        raise CannotError(
            "this mesh was not taken down: its pods may live\n  help: 'meltemi up' or 'meltemi down' first"
        )
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # what is logged is not what is printed
    authorities = Authorities(FileKeys(state / "ca"), now=lambda: datetime.now(UTC))
    try:
        await authorities.replace(msgspec.convert(parts, Parts))
    except AuthorityError as problem:
        raise CannotError(f"the authority is not taken: {problem}") from problem
    return authorities.signer.name


def _read(folder: Path) -> Tree:
    from meltemi.apps.lifecycle import CannotError

    parts = {field: (folder / name).read_text() for field, name in FILES.items() if (folder / name).is_file()}
    if missing := [name for field, name in FILES.items() if field not in parts and field != "cert_chain"]:
        raise CannotError(f"{folder} lacks {', '.join(missing)}\n  help: the files are called as for Istio's 'cacerts'")
    return parts


def _call(state: Path, verb: str, body: Tree, timeout: float) -> Tree:
    from meltemi.apps.cli.resources import client_of

    return client_of(state).call("POST", f"/meltemi/v1/ca/{verb}", body, patience=timeout + 30)


def _say_step(found: Tree, output: str) -> None:
    if output == "text":
        _step(found)


def _step(found: Tree) -> None:
    click.echo(f"{found['step']}: {SAYS[found['step']]}")


def _late(found: Tree) -> None:
    click.echo(f"no step is taken, the mesh stays at '{found['step']}':", err=True)
    for proxy, why in found["behind"].items():
        click.echo(f"  {proxy} {why}", err=True)


def _authorities(found: Tree) -> None:
    signer = found["signer"]["identifier"]
    rows = [
        [
            one["identifier"],
            "signs" if one["identifier"] == signer else "trusted",
            one["subject"],
            _date(one["notAfter"]),
        ]
        for one in found["trusted"]
    ]
    click.echo()
    echo_table(["AUTHORITY", "ROLE", "SUBJECT", "VALID UNTIL"], rows)


def _certificates(found: Tree) -> None:
    click.echo()
    names = sorted({*found["certificates"], *found["behind"]})
    if not names:
        click.echo("no proxies follow")
        return
    rows = [_row(name, found["certificates"].get(name) or {}, found["behind"].get(name, "")) for name in names]
    echo_table(["PROXY", "SERIAL", "VALID UNTIL", "LEFT", "FOLLOWED"], rows)


def _row(name: str, held: Tree, behind: str) -> list[str]:
    until = held.get("notAfter")
    return [name, held.get("serial") or "", _date(until) if until else "", left(until), behind or "yes"]


def _date(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S")


def left(until: str | None) -> str:
    """How much longer, in the two largest units; empty without a moment."""
    if not until:
        return ""
    seconds = datetime.fromisoformat(until).timestamp() - datetime.now(UTC).timestamp()
    if seconds <= 0:
        return "ended"
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86_400)
    if days:
        return f"{days}d{hours % 24}h"
    return f"{hours}h{minutes % 60}m" if hours else f"{minutes}m{int(seconds) % 60}s"
