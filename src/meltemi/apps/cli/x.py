"""`meltemi x …`: what istioctl has under `experimental`, with its words.

Place:  apps/cli · authz; flags or a WorkloadGroup's file → YAML
Exit:   0 printed · 1 the group has errors · 2 a file could not be read, or a flag is wrong

`x authz check` says who may reach a workload. `x workload` is for machines outside of the mesh, by hand: a machine does
not register itself here, and `x workload entry configure` prints the WorkloadEntry that it would get:

    meltemi x workload group create --name vm --labels app=ratings --ports http=8080 >group.yaml
    meltemi x workload entry configure -f group.yaml --address 192.0.2.7 | meltemi apply -f -
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from meltemi.apps.cli.authz import authz
from meltemi.apps.cli.output import echo_findings, faulty

if TYPE_CHECKING:
    from meltemi.apps.cli.workload_groups import Tree

GROUP = "WorkloadGroup"


@click.group(help=__doc__)
def command() -> None:
    """What istioctl has under `experimental`."""


command.add_command(authz)


@command.group()
def workload() -> None:
    """Machines outside of the mesh."""


@workload.group("group")
def groups() -> None:
    """Kinds of machines."""


@workload.group("entry")
def entries() -> None:
    """Single machines."""


@groups.command()
@click.option("--name", required=True, help="of the group")
@click.option("-n", "--namespace", default="default", help="where it stands")
@click.option("-l", "--labels", default="", metavar="NAME=VALUE,…", help="of its machines; services select by them")
@click.option("-p", "--ports", default="", metavar="NAME=PORT,…", help="where its machines listen")
@click.option("-s", "--serviceAccount", "account", default="", help="who its machines are")
def create(*, name: str, namespace: str, labels: str, ports: str, account: str) -> None:
    """Print a WorkloadGroup."""
    from meltemi.apps.cli.workload_groups import group, pairs

    try:
        numbers = {word: int(port) for word, port in pairs(ports).items()}
        made = group(name, namespace, {"ports": numbers, "serviceAccount": account}, pairs(labels))
    except ValueError as e:
        _refuse(str(e))
    _print(made)


@entries.command()
@click.option("-f", "--file", required=True, metavar="FILE", help="the WorkloadGroup; - is standard input")
@click.option("--address", required=True, help="of the machine")
@click.option("--name", default="", help="of the entry; without it GROUP-ADDRESS")
def configure(*, file: str, address: str, name: str) -> None:
    """Print the WorkloadEntry of one machine of a group."""
    from meltemi.apps.cli.workload_groups import entry

    _print(entry(_group(file), address, name))


def _group(file: str) -> "Tree":
    """The one WorkloadGroup of a file; its faults are told."""
    from meltemi.core.check.validate import validate_bytes
    from meltemi.core.model.shown import shown
    from meltemi.core.parse.yaml import read

    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as e:
        _refuse(f"cannot read {file}: {e.strerror}")
    found = [shown(one) for one in validate_bytes(file, text)[1]]
    if faulty(found):
        echo_findings(found)
        raise SystemExit(1)
    trees = [one.tree for one in read(file, text)[0]]
    groups_ = [one for one in trees if isinstance(one, dict) and one.get("kind") == GROUP]
    if len(groups_) != 1:
        _refuse(f"{file} holds {len(groups_)} WorkloadGroups, and one is wanted")
    return groups_[0]


def _print(tree: "Tree") -> None:
    import yaml

    yaml.safe_dump(tree, sys.stdout, sort_keys=False, allow_unicode=True)


def _refuse(words: str) -> NoReturn:
    click.echo(f"error: {words}", err=True)
    raise SystemExit(2)
