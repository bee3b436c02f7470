"""`meltemi wait KIND/NAME`: until the proxies have a change, a pod is ready, a workload is rolled out, a Job is done.

Place:  apps/cli · API → exit code
Exit:   0 it came · 1 a proxy refused it, a Job failed, it did not come in time, or there is no such object
        2 could not
"""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meltemi.apps.cli.arrived import ARRIVED, condition, lost
from meltemi.apps.cli.output import SpanType, echo_findings, echo_json, findings_json, output_option
from meltemi.apps.cli.state import namespace_option, state_option
from meltemi.apps.cli.tables import part, pod_status, ready

if TYPE_CHECKING:
    from meltemi.core.model.kinds import Kind
    from meltemi.shell.client import Client

Tree = dict[str, Any]
LOOK_EVERY = 0.1
"""Seconds."""
ACKNOWLEDGED = "acknowledged"


@click.command(help=__doc__)
@state_option
@click.argument("arguments", nargs=-1, required=True, metavar="KIND/NAME…")
@namespace_option
@click.option("--timeout", type=SpanType(), default="30s", show_default=True, help="how long to wait")
@click.option(
    "--for", "goal", help="condition=NAME[=VALUE], delete, ready or acknowledged; by default what fits the kind"
)
@output_option
def command(
    state: Path, *, arguments: tuple[str, ...], namespace: str, timeout: float, goal: str | None, output: str
) -> None:
    """Wait for each object in turn, all within the time."""
    from meltemi.apps.cli.resources import client_of, label, named

    client = client_of(state)
    end = time.monotonic() + timeout
    results: list[Tree] = []
    for kind, name in named(arguments):
        if not name:
            raise click.UsageError("write the names of the objects: KIND/NAME")
        if kind.kind == "CronJob" and not goal:
            raise click.UsageError("a CronJob goes on for ever: wait for one of its Jobs, or say what for by --for")
        result = wait_for(client, kind, namespace, name, goal=goal, end=end)
        results.append(result)
        if output == "text":
            _say(label(kind, name), result)
    if output == "json":
        echo_json({"results": [one | {"findings": findings_json(one.get("findings", []))} for one in results]})
    raise SystemExit(0 if all(one["good"] for one in results) else 1)


def wait_for(client: "Client", kind: "Kind", namespace: str, name: str, *, goal: str | None, end: float) -> Tree:
    """`good`, `said` and perhaps `findings` and `proxies`. `end`: when to give up, by the monotonic clock."""
    goal = goal or ("ready" if kind.kind in ARRIVED else ACKNOWLEDGED)
    if goal == ACKNOWLEDGED:
        return _acknowledged(client, kind, namespace, name, end=end)
    if goal == "delete":
        gone = _until(client, kind, namespace, name, test=lambda one: one is None, end=end, hopeless=lambda _: "")
        if not gone["good"] or kind.kind in ARRIVED:
            return gone
        return _acknowledged(client, kind, namespace, name, end=end, gone=True)
    return _until(client, kind, namespace, name, test=_test(goal, kind), end=end)


def _acknowledged(
    client: "Client", kind: "Kind", namespace: str, name: str, *, end: float, gone: bool = False
) -> Tree:  # fmt: skip
    import msgspec

    from meltemi.core.model.shown import Shown
    from meltemi.shell.client import RefusedError, UnreachableError

    query: Tree = {"kind": f"{kind.singular}.{kind.group}", "namespace": namespace, "name": name, "gone": int(gone)}
    while True:
        left = max(0.0, end - time.monotonic())
        try:
            answer = client.get("/meltemi/v1/wait", query | {"timeout": left}, patience=left + 10)
        except RefusedError as refused:
            if refused.code != 404:
                raise
            return {"good": False, "said": str(refused)}
        except UnreachableError:
            # The control plane may be starting again; a mesh that is not there is said at the end.
            if time.monotonic() + LOOK_EVERY > end:
                raise
            time.sleep(LOOK_EVERY)
        else:
            said = "late" if answer["late"] else "refused" if answer["refused"] else ACKNOWLEDGED
            findings = msgspec.convert(answer["findings"], list[Shown])
            return answer | {"good": answer["acknowledged"], "said": said, "findings": findings}


def _until(
    client: "Client", kind: "Kind", namespace: str, name: str, *, test: Callable[[Tree | None], bool], end: float,
    hopeless: Callable[[Tree], str] = lost,
) -> Tree:  # fmt: skip
    """Look again and again; an object that is not there yet may come. `hopeless`: why it is of no use to go on."""
    while True:
        one = _look(client, kind, namespace, name)
        if test(one):
            return {"good": True, "said": "condition met"}
        if one and (why := hopeless(one)):
            return {"good": False, "said": why}
        if time.monotonic() + LOOK_EVERY > end:
            return {"good": False, "said": "is not there" if one is None else _why(one)}
        time.sleep(LOOK_EVERY)


def _look(client: "Client", kind: "Kind", namespace: str, name: str) -> Tree | None:
    from meltemi.apps.cli.resources import path_of
    from meltemi.shell.client import RefusedError, UnreachableError

    try:
        return client.get(path_of(kind, namespace, name))
    except RefusedError as refused:
        if refused.code != 404:
            raise
    except UnreachableError:
        if not client.path.parent.exists():
            raise
    return None


def _test(goal: str, kind: "Kind") -> Callable[[Tree | None], bool]:
    if goal == "ready":
        arrived = ARRIVED.get(kind.kind)
        if arrived is None:
            raise click.UsageError(f"--for ready: nobody says when a {kind.kind} is ready; known: {', '.join(ARRIVED)}")
        return lambda one: one is not None and arrived(one)
    match = re.fullmatch(r"condition=(\w+)(?:=(\w+))?", goal)
    if match is None:
        raise click.UsageError(f"--for {goal!r}: write condition=NAME, delete, ready or acknowledged")
    name, value = match[1], match[2] or "True"
    return lambda one: one is not None and condition(one, name) == value.capitalize()


def _why(one: Tree) -> str:
    if one["kind"] == "Pod":
        return f"still {pod_status(one)}, {ready(one)} ready"
    return f"not in time: {one.get('status') or 'no status'}"


def _say(label: str, result: Tree) -> None:
    click.echo(f"{label} {result['said']}", err=not result["good"])
    if result.get("late"):
        for proxy in result["proxies"]:
            behind = [name for name, one in part(proxy, "types").items() if one.get("state") == "STALE"]
            if behind:
                click.echo(f"  {proxy.get('proxy')} has not answered: {', '.join(behind)}", err=True)
    echo_findings(result.get("findings", ()))
