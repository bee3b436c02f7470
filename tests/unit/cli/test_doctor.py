"""`doctor` names the programs of a Kubernetes API that are missing, and no mesh without `--kube` needs them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meltemi.apps import doctor
from meltemi.apps.cli import cli
from meltemi.shell.kube.assets import NEEDED, OPTIONAL


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the programs are looked for, and nowhere else."""
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    monkeypatch.setenv("MELTEMI_KUBE_ASSETS", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return tmp_path


def ask(monkeypatch: pytest.MonkeyPatch, *arguments: str, envoy: bool = True) -> Result:
    def examine() -> Iterator[doctor.Check]:
        yield doctor.Check(name="envoy", good=envoy, found="1.40", mend="" if envoy else "scripts/setup")

    monkeypatch.setattr(doctor, "examine", examine)
    return CliRunner().invoke(cli, ["doctor", *arguments])


def test_what_is_missing_is_named_and_how_to_get_it(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (assets / "etcd").write_text("")
    (assets / "etcd").chmod(0o755)
    done = ask(monkeypatch)

    assert done.exit_code == 0
    assert f"ok  etcd: {assets / 'etcd'}\n" in done.output
    for name in ("kube-apiserver", *OPTIONAL, "kubectl"):
        assert f"missing  {name}: not found\n" in done.output
        assert f"mend: scripts/kube-assets {name} " in done.output


def test_programs_read_which_of_them_every_mesh_needs(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = ask(monkeypatch, "-o", "json", envoy=False)

    assert done.exit_code == 1
    checks = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert checks["envoy"].get("only_for", "") == ""
    assert {name for name, one in checks.items() if one.get("only_for")} == {"cgroups", *NEEDED, *OPTIONAL, "kubectl"}
