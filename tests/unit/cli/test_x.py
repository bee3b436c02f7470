"""`meltemi x workload`: the entry of a machine is what its group says, and nothing else."""

import yaml
from click.testing import CliRunner

from meltemi.apps.cli import cli
from meltemi.core.check.validate import validate_bytes
from meltemi.core.model.finding import Severity


def run(*words: str, text: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["x", "workload", *words], input=text)
    return result.exit_code, result.output


def is_sound(text: str) -> bool:
    return all(f.severity is not Severity.ERROR for f in validate_bytes("x", text.encode())[1])


def test_a_group_and_the_entry_of_a_machine():
    status, group = run(
        "group",
        "create",
        "--name",
        "vm",
        "-n",
        "shop",
        "--labels",
        "app=a,version=v1",
        "--ports",
        "http=8080",
        "-s",
        "who",
    )
    assert status == 0
    assert is_sound(group)

    status, entry = run("entry", "configure", "-f", "-", "--address", "192.0.2.7", text=group)

    assert status == 0
    assert is_sound(entry)
    made = yaml.safe_load(entry)
    assert made["metadata"] == {"name": "vm-192.0.2.7", "namespace": "shop", "labels": {"app": "a", "version": "v1"}}
    assert made["spec"] == {
        "ports": {"http": 8080},
        "serviceAccount": "who",
        "address": "192.0.2.7",
        "labels": {"app": "a", "version": "v1"},
    }


def test_labels_of_the_group_win_over_the_templates():
    group = (
        "apiVersion: networking.istio.io/v1\nkind: WorkloadGroup\nmetadata: {name: vm}\nspec:\n"
        "  metadata: {labels: {version: new}, annotations: {a: b}}\n  template: {labels: {version: old, app: x}}\n"
    )
    made = yaml.safe_load(run("entry", "configure", "-f", "-", "--address", "1.2.3.4", text=group)[1])
    assert made["spec"]["labels"] == {"version": "new", "app": "x"}
    assert made["metadata"]["annotations"] == {"a": "b"}


def test_a_group_with_errors_makes_no_entry():
    group = "apiVersion: networking.istio.io/v1\nkind: WorkloadGroup\nmetadata: {name: vm}\nspec: {templat: {}}\n"
    assert run("entry", "configure", "-f", "-", "--address", "1.2.3.4", text=group)[0] == 1


def test_wrong_flags():
    assert run("group", "create", "--name", "vm", "--ports", "http")[0] == 2
    assert run("entry", "configure", "-f", "/no/such", "--address", "1.2.3.4")[0] == 2
