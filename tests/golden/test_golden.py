"""Each folder of cases/ is a small mesh and one proxy; its `*.out.yaml` are what `meltemi compile` makes of it.

    in.yaml      the mesh, as for `apply`
    proxy.yaml   the proxy that asks
    mesh.yaml    MeshConfig, where it is not the default
    *.out.yaml   what must come out: findings, and resources as Envoy's messages in protobuf JSON; of kinds that
                 the case is not about (its name begins with what it is about) names only

`pytest tests/golden --accept` rewrites them. Read that diff as you would code. The real Envoy must take every case.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from golden.real_envoy import refusal

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())

Tree = dict[str, Any]

ABOUT = {
    "route": ("virtual_hosts",),
    "outbound": ("listeners", "routes", "virtual_hosts"),
    "gateway": ("listeners", "routes", "virtual_hosts"),
    "cluster": ("clusters", "endpoints"),
    "inbound": ("inbound", "extensions"),
}
"""First word of a case's name → the kinds that it is about; cases of other names are about all."""


def compiled(case: Path, folder: Path) -> Tree:
    """What `meltemi compile` prints for a case."""
    proxy = folder / "proxy.json"
    proxy.write_text(json.dumps(yaml.safe_load((case / "proxy.yaml").read_text())))
    settings = ["--mesh-config", str(case / "mesh.yaml")] if (case / "mesh.yaml").exists() else []
    command = [sys.executable, "-m", "meltemi.apps.cli", "compile", "--proxy", str(proxy), *settings]
    command += ["-o", "json", "in.yaml"]
    done = subprocess.run(command, cwd=case, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def shown(answer: Tree, case: str) -> dict[str, str]:
    """File name → text."""
    findings = [_finding(f) for f in answer.pop("findings")]
    about = ABOUT.get(case.partition("-")[0])
    resources = {
        kind: [_resource(r, about is None or _whole(r, kind, about)) for r in found] for kind, found in answer.items()
    }
    parts = {"findings.out.yaml": findings, "envoy.out.yaml": resources}
    return {name: yaml.safe_dump(part, sort_keys=False, allow_unicode=True, width=120) for name, part in parts.items()}


def _resource(resource: Tree, whole: bool) -> Tree | str:
    """A resource, or its name."""
    return resource if whole else resource.get("name") or resource["clusterName"]


def _whole(resource: Tree, kind: str, about: tuple[str, ...]) -> bool:
    """Whether a case is about a resource; inbound listeners and clusters are a kind of their own."""
    name = resource.get("name", "")
    return ("inbound" if name == "virtualInbound" or name.startswith("inbound|") else kind) in about


def _finding(finding: Tree) -> str:
    place = f"{finding['file']}:{finding['line']}" if finding.get("line") else finding.get("file", "")
    return f"{finding['severity']} {finding['code']} {place} ({finding['path']}): {finding['message']}"


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_case(case: Path, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    answer = compiled(case, tmp_path)
    refused = refusal(answer, tmp_path)
    got = shown(answer, case.name)
    if pytestconfig.getoption("--accept", default=False):
        for name, text in got.items():
            (case / name).write_text(text)

    assert not refused
    assert got == {f.name: f.read_text() for f in case.glob("*.out.yaml")}
