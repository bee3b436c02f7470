"""`meltemi x authz check` over files: what is printed, and the exit code."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meltemi.apps.cli import cli

POLICIES = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: refuse, namespace: shop}
spec:
  action: DENY
  rules:
  - to: [{operation: {ports: ['80']}}]
    from: [{source: {notNamespaces: [ops]}}]
  - to: [{operation: {paths: ['/admin*']}}]
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "p.yaml").write_text(POLICIES)
    (tmp_path / "proxy.json").write_text('{"namespace": "shop"}')
    return tmp_path


def check(files: Path, *words: str) -> Result:
    place = ("--proxy", str(files / "proxy.json"), "-f", str(files / "p.yaml"))
    return CliRunner().invoke(cli, ["x", "authz", "check", *place, *words])


def test_what_is_in_force(files: Path):
    done = check(files)
    assert done.exit_code == 0
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["ACTION", "AuthorizationPolicy", "RULES", "PLACE"],
        ["DENY", "refuse.shop", "2", f"{files}/p.yaml:3"],
    ]


def test_what_decides_and_why_the_others_do_not(files: Path):
    done = check(files, "--request", "GET /admin/x", "--as", "ops/ann", "--port", "80")
    assert done.exit_code == 1
    assert "denied (403): a DENY rule matches\n  by ns[shop]-policy[refuse]-rule[1]\n" in done.stdout
    assert f"--> {files}/p.yaml:9  (AuthorizationPolicy shop/refuse)" in done.stdout
    assert "no        the caller's namespace is 'ops', which is excluded by 'ops'" in done.stdout


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--request", "GET /", "--as", "ops/x"), 0),
        (("--request", "GET /", "--port", "81"), 0),
        (("--port", "80"), 1),
        (("--request", "GET /"), 2),
        (("--request", "nonsense"), 2),
        (("--as", "ops/x"), 2),
        (("pod",), 2),
    ],
)
def test_exit_codes(files: Path, words: tuple[str, ...], status: int):
    assert check(files, *words).exit_code == status


def test_json(files: Path):
    said = json.loads(check(files, "--request", "GET /", "-o", "json").stdout)
    assert said["policies"][0]["at"]["line"] == 3
    assert said["policies"][0]["dryRun"] is False
    assert said["decision"]["outcome"] == "undecided"
    assert [one["matches"] for one in said["decision"]["rules"]] == [None, False]


def test_files_with_errors_are_refused(files: Path):
    (files / "p.yaml").write_text(POLICIES.replace("DENY", "DENIED"))
    done = check(files)
    assert done.exit_code == 1
    assert "DENIED" in done.stderr


def test_what_says_whom_the_rules_know(files: Path):
    strict = "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: tls, namespace: shop}\n"
    (files / "p.yaml").write_text(f"{strict}spec: {{mtls: {{mode: STRICT}}}}\n")
    done = check(files, "--request", "GET /", "--port", "80")
    assert done.exit_code == 1
    assert "no AuthorizationPolicy is in force\n\nKIND                 NAME       IN FORCE   PLACE\n" in done.stdout
    assert f"PeerAuthentication   tls.shop   STRICT     {files}/p.yaml:" in done.stdout
    assert "denied (403): mutual TLS is demanded, and the caller has no certificate\n  --> " in done.stdout
