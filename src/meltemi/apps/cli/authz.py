"""`meltemi x authz check POD`: who may reach a workload, from which line, and what becomes of a request.

Place:  apps/cli · flags → API, or files → pipeline/guard → explain → tables or JSON
Exit:   0 printed, and a described request is allowed · 1 it is denied, or a file has errors
        2 it depends on what was not said or on a provider, or could not

What is in force is printed in the order in which it is asked: CUSTOM, AUDIT, DENY, ALLOW. A request is described as the
workload's proxy sees it, and decided by the rules that the proxy has:

    meltemi x authz check deployment/reviews
    meltemi x authz check reviews-v1-5d8 --as shop/cart --request 'GET http://reviews:9080/reviews/1' --port 9080
    meltemi x authz check reviews-v1-5d8 --request 'PUT /x' -H 'X-Team: red' --claim iss=https://id --claim sub=ann
    meltemi x authz check db-0 --as shop/cart --port 5432
    meltemi x authz check --proxy proxy.json -f policies.yaml --as shop/cart --request 'GET /admin'
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meltemi.apps.cli.output import echo_findings, echo_json, echo_table, faulty, output_option
from meltemi.apps.cli.state import namespace_option, state_option

if TYPE_CHECKING:
    from meltemi.core.explain.asked import Words
    from meltemi.core.explain.told import DecisionTold, RuleTold, Spot, Told
    from meltemi.core.model.shown import Shown
    from meltemi.core.parse.documents import Parsed

EXITS = {"allowed": 0, "denied": 1, "undecided": 2}
MATCHES = {True: "yes", False: "no", None: "depends"}


@click.group()
def authz() -> None:
    """Who may reach whom."""


@authz.command(help=__doc__)
@state_option
@click.argument("pod", required=False, default="")
@namespace_option
@output_option
@click.option("--request", default="", metavar="'METHOD PATH'", help="decide this request: a path, or http://HOST/PATH")
@click.option("--as", "caller", default="", metavar="WHO", help="NAMESPACE/ACCOUNT or a principal; without it nobody")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="a header of the request")
@click.option("--claim", "claims", multiple=True, metavar="NAME=VALUE", help="of a sound token; the value may be JSON")
@click.option("--port", type=int, help="of the workload; without --request a connection of bytes is decided")
@click.option("--sni", "server_name", help="the server name that the caller's TLS asks for")
@click.option("--source-ip", default="", metavar="ADDRESS", help="whom the connection comes from")
@click.option("--remote-ip", default="", metavar="ADDRESS", help="the client, as X-Forwarded-For has it")
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="ask these files, not a mesh; with --proxy")
@click.option("--proxy", metavar="FILE", help="whose view of the files: JSON, as `compile` has it")
@click.option("--mesh-config", metavar="FILE", help="settings of the mesh of the files")
def check(
    state: Path, *, pod: str, namespace: str, output: str, request: str, caller: str, headers: tuple[str, ...],
    claims: tuple[str, ...], port: int | None, server_name: str | None, source_ip: str, remote_ip: str,
    files: tuple[str, ...], proxy: str | None, mesh_config: str | None,
) -> None:  # fmt: skip
    """Print what is in force, and decide."""
    from meltemi.core.explain.asked import Words

    details = (caller, headers, claims, server_name, source_ip, remote_ip)
    if any(details) and not request and port is None:
        raise click.UsageError("say what is asked: --request 'GET /path', or --port for a connection of bytes")
    if bool(files) is not (proxy is not None) or bool(files) is bool(pod):
        raise click.UsageError("name a pod of a mesh, or files with -f and whose view of them with --proxy")
    words = Words(
        request=request, caller=caller, headers=headers, claims=claims, port=port, server_name=server_name,
        source_ip=source_ip, remote_ip=remote_ip,
    ) if request or port is not None else None  # fmt: skip
    try:
        told = (
            _of_files(files, proxy, mesh_config, namespace, words) if proxy else _of_mesh(state, namespace, pod, words)
        )
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from wrong
    if output == "json":
        echo_json(told)
    else:
        _print(told)
    raise SystemExit(EXITS[told.decision.outcome] if told.decision else 0)


def _of_mesh(state: Path, namespace: str, word: str, words: "Words | None") -> "Told":
    """What the control plane says."""
    import msgspec

    from meltemi.apps.cli.resources import client_of, pod_named
    from meltemi.core.explain.told import Told

    client = client_of(state)
    home, name = pod_named(client, namespace, word)
    question = {"namespace": home, "pod": name, "words": words}
    return msgspec.convert(client.call("POST", "/meltemi/v1/authorization", question), Told)


def _of_files(
    files: tuple[str, ...], proxy_file: str, mesh_config: str | None, namespace: str, words: "Words | None"
) -> "Told":
    """What the files say. Ends where they have errors."""
    from meltemi.apps.cli.compile import mesh_settings, parsed_file, read_file, read_proxy
    from meltemi.core.engine.engine import Engine
    from meltemi.core.explain.told import told
    from meltemi.core.pipeline.compile import fill
    from meltemi.core.pipeline.guard import proxy_guard

    found: list[Shown] = []
    parsed: list[Parsed] = [one for file in files for one in parsed_file(file, namespace, found)]
    settings = mesh_settings(mesh_config, found)
    echo_findings(found)
    if faulty(found):
        raise SystemExit(1)
    engine, proxy = Engine(), read_proxy(read_file(proxy_file))
    fill(engine, [one.document for one in parsed if one.document], settings)
    sources = {one.key: one.source for one in parsed if one.key}
    return told(proxy_guard(engine, proxy), words, sources, proxy.addresses)


def _print(told: "Told") -> None:
    if told.policies:
        rows = [
            (_action(one.action, tried=one.dry_run), _name(one.at), str(one.rules), one.at.place)
            for one in told.policies
        ]
        echo_table(("ACTION", "AuthorizationPolicy", "RULES", "PLACE"), rows)
    else:
        click.echo("no AuthorizationPolicy is in force")
    if told.authentication:
        click.echo()
        rows = [(one.at.kind, _name(one.at), one.in_force, one.at.place) for one in told.authentication]
        echo_table(("KIND", "NAME", "IN FORCE", "PLACE"), rows)
    if told.decision:
        _print_decision(told.decision)


def _print_decision(said: "DecisionTold") -> None:
    status = f" ({said.status})" if said.status else ""
    click.echo(f"\n{said.outcome}{status}: {said.why}")
    if said.by:
        click.echo(f"  by {said.by}")
    if said.at:
        click.echo(f"  --> {said.at.place}  ({said.at.kind} {said.at.namespace}/{said.at.name})")
    if said.rules:
        click.echo()
        echo_table(("ACTION", "RULE", "MATCHES", "WHY", "PLACE"), [_row(one) for one in said.rules])


def _row(one: "RuleTold") -> tuple[str, ...]:
    return _action(one.action, tried=one.dry_run), one.id, MATCHES[one.matches], one.why or "-", one.at.place


def _name(at: "Spot") -> str:
    """As istioctl has it; another kind than the table's says so."""
    name = f"{at.name}.{at.namespace}" if at.namespace else at.name
    return name if at.kind.endswith(("AuthorizationPolicy", "Authentication")) else f"{at.kind}/{name}"


def _action(action: str, *, tried: bool) -> str:
    return f"{action} (dry run)" if tried else action
