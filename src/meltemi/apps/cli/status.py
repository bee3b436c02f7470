"""`meltemi status`: pods, what each proxy has acknowledged, and findings.

Place:  apps/cli · API → tables → terminal
Exit:   0 all is well · 1 a finding is an error, or a proxy refused something · 2 no mesh answers
"""

from pathlib import Path
from typing import Any

import click

from meltemi.apps.cli.ca import left
from meltemi.apps.cli.output import echo_findings, echo_json, echo_table, faulty, findings_json, output_option
from meltemi.apps.cli.state import state_option
from meltemi.apps.cli.tables import age, part, pod_status, ready, restarts

Tree = dict[str, Any]
TYPES = ("CDS", "LDS", "EDS", "RDS", "VHDS", "ECDS")


@click.command(help=__doc__)
@state_option
@output_option
def command(state: Path, *, output: str) -> None:
    """Print what runs and how it fares."""
    import msgspec

    from meltemi.apps.cli.resources import client_of
    from meltemi.core.model.shown import Shown

    client = client_of(state)
    pods: list[Tree] = client.get("/api/v1/pods")["items"]
    proxies: list[Tree] = client.get("/meltemi/v1/proxies")["proxies"]
    findings = msgspec.convert(client.get("/meltemi/v1/findings")["findings"], list[Shown])
    if output == "json":
        echo_json({"pods": [_pod(one) for one in pods], "proxies": proxies, "findings": findings_json(findings)})
    else:
        _pods(pods)
        _proxies(proxies)
        click.echo(f"\n{len(findings)} findings" if findings else "\nno findings")
        echo_findings(findings, err=False)
    raise SystemExit(1 if faulty(findings) or any(one.get("refused") for one in proxies) else 0)


def _pod(pod: Tree) -> Tree:
    return {
        "namespace": pod["metadata"]["namespace"], "name": pod["metadata"]["name"], "ready": ready(pod),
        "status": pod_status(pod), "restarts": int(restarts(pod)),
        "ip": part(pod, "status").get("podIP", ""), "node": part(pod, "spec").get("nodeName", ""),
    }  # fmt: skip


def _pods(pods: list[Tree]) -> None:
    if not pods:
        click.echo("no pods")
        return
    rows = [[*(str(cell) for cell in _pod(pod).values()), age(pod)] for pod in pods]
    echo_table(["NAMESPACE", "POD", "READY", "STATUS", "RESTARTS", "IP", "NODE", "AGE"], rows)


def _proxies(proxies: list[Tree]) -> None:
    click.echo()
    if not proxies:
        click.echo("no proxies are connected")
        return
    rows = [[str(one["proxy"]), *(_state(one, name) for name in TYPES), _certificate(one)] for one in proxies]
    echo_table(["PROXY", *TYPES, "CERTIFICATE"], rows)


def _certificate(proxy: Tree) -> str:
    """How much longer it is valid."""
    return left(part(proxy, "certificate").get("notAfter")) or "NONE"


def _state(proxy: Tree, name: str) -> str:
    """`SYNCED (12)`: what the proxy says of its so many resources of a type."""
    one = part(part(proxy, "types"), name)
    return f"{one['state']} ({one['resources']})" if one else "NOT SENT"
