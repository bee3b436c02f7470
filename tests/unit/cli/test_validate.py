"""`meltemi validate` and `code`: what other tools rely on is the JSON and the exit code."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from meltemi.apps.cli.code import command as code
from meltemi.apps.cli.validate import command as validate

SOUND = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
FAULTY = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec:\n  severs: []\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sound.yaml").write_text(SOUND)
    (tmp_path / "faulty.yaml").write_text(FAULTY)
    (tmp_path / "notes.txt").write_text("no YAML: [")
    return tmp_path


def test_no_errors_exit_zero(folder: Path):
    done = CliRunner().invoke(validate, ["-o", "json", str(folder / "sound.yaml")])
    assert (done.exit_code, json.loads(done.output)) == (0, {"findings": []})


def test_errors_exit_one_and_say_where(folder: Path):
    file = str(folder / "faulty.yaml")
    done = CliRunner().invoke(validate, ["-o", "json", file])
    assert done.exit_code == 1
    assert json.loads(done.output)["findings"] == [
        {
            "code": "M1101",
            "severity": "error",
            "message": "unknown field 'severs'",
            "help": "did you mean 'servers'?",
            "file": file,
            "line": 5,
            "column": 3,
            "path": "spec.severs",
            "resource": {"kind": "Gateway", "namespace": "default", "name": "g"},
        }
    ]


def test_an_unreadable_file_exits_two(folder: Path):
    assert CliRunner().invoke(validate, [str(folder / "none.yaml")]).exit_code == 2


def test_a_folder_is_read_with_its_yaml_files(folder: Path):
    done = CliRunner().invoke(validate, [str(folder)])
    assert done.exit_code == 1
    assert done.output.count("error[") == 1


def test_standard_input():
    done = CliRunner().invoke(validate, ["-"], input=FAULTY)
    assert "--> <stdin>:5:3  (spec.severs)" in done.output
    assert "  5 |   severs: []\n" in done.output


def test_settings_of_the_mesh_have_no_kind_in_the_file(folder: Path):
    (folder / "mesh.yaml").write_text("trustDomain: a/b\n")
    done = CliRunner().invoke(validate, ["--kind", "MeshConfig", str(folder / "mesh.yaml")])
    assert done.exit_code == 1
    assert "error[M2501]" in done.output


def test_a_code_is_explained():
    done = CliRunner().invoke(code, ["m1101"])
    assert done.exit_code == 0
    assert done.output.startswith("## M1101: unknown field")


def test_an_unknown_code_names_the_known():
    done = CliRunner().invoke(code, ["M0000"])
    assert done.exit_code == 1
    assert "M1001" in done.stderr


def test_files_are_named_as_istioctl_has_them(folder: Path):
    sound = str(folder / "sound.yaml")

    assert CliRunner().invoke(validate, ["-f", sound]).exit_code == 0
    assert CliRunner().invoke(validate, [sound, "--filename", str(folder / "none.yaml")]).exit_code == 2
    assert CliRunner().invoke(validate, []).exit_code == 2
