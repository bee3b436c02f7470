"""apply, get, delete and wait do what kubectl's users expect."""

from pathlib import Path

import pytest

from unit.api.test_objects import fresh
from unit.cli.conftest import Run, read

GOOD = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: {name}
  labels: {{mark: {name}}}
spec:
  hosts: [{name}]
  http:
  - route:
    - destination: {{host: {name}}}
"""
BAD = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: {name}
spec:
  hosts: [{name}]
  http:
  - retries:
      attempts: 2
      retryOn: conect-failure
    route:
    - destination: {{host: {name}}}
"""


def test_apply_says_what_became_of_each_object(run: Run) -> None:
    text = GOOD.format(name=fresh())

    said = [run("apply", "-f", "-", text=text).stdout.split()[-1] for _ in range(2)]

    assert said == ["created", "unchanged"]


def test_a_refusal_shows_the_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(BAD.format(name=fresh()))

    result = run("apply", "-f", str(file))

    assert result.exit_code == 1
    assert f"--> {file}:11:16" in result.stderr
    assert "retryOn: conect-failure" in result.stderr
    assert "did you mean 'connect-failure'?" in result.stderr


def test_nothing_of_a_file_with_an_error_is_applied(run: Run) -> None:
    good = fresh()
    text = GOOD.format(name=good) + "---" + BAD.format(name=fresh())

    answer = read(run("apply", "-o", "json", "-f", "-", text=text))

    assert answer["refused"]
    assert run("get", "vs", good).exit_code == 1


def test_a_file_that_cannot_be_read(run: Run) -> None:
    result = run("apply", "-f", "/nowhere.yaml")

    assert isinstance(result.exception, FileNotFoundError)


def test_a_dry_run_changes_nothing(run: Run) -> None:
    name = fresh()
    result = run("apply", "--dry-run", "-f", "-", text=GOOD.format(name=name))

    assert "(dry run)" in result.stdout
    assert run("get", "vs", name).exit_code == 1


def test_directories_are_read(run: Run, tmp_path: Path) -> None:
    for name in (one := fresh(), two := fresh()):
        (tmp_path / f"{name}.yaml").write_text(GOOD.format(name=name))
    (tmp_path / "notes.txt").write_text("not YAML: [")

    answer = read(run("apply", "-o", "json", "-f", str(tmp_path)))

    assert {entry["name"] for entry in answer["results"]} == {one, two}


@pytest.mark.parametrize("words", [("vs", "{}"), ("VirtualService", "{}"), ("virtualservices/{}",), ("vs/{}",)])
def test_kinds_have_many_names(run: Run, words: tuple[str, ...]) -> None:
    name = fresh()
    run("apply", "-f", "-", text=GOOD.format(name=name))

    found = read(run("get", "-o", "json", *(word.format(name) for word in words)))

    assert found["metadata"]["name"] == name


@pytest.mark.parametrize(
    ("output", "said"),
    [("text", "HOSTS"), ("name", "virtualservice.networking.istio.io/"), ("yaml", "kind: List"), ("wide", "AGE")],
)
def test_forms_of_output(run: Run, output: str, said: str) -> None:
    name = fresh()
    run("apply", "-f", "-", text=GOOD.format(name=name))

    result = run("get", "vs", "-l", f"mark={name}", "-o", output)

    assert said in result.stdout
    assert name in result.stdout


def test_a_kind_that_is_not_known(run: Run) -> None:
    result = run("get", "virtualservce")

    assert result.exit_code == 2
    assert "did you mean 'virtualservices'?" in result.stderr


def test_delete_by_name_and_by_file(run: Run) -> None:
    one, two = fresh(), fresh()
    for name in (one, two):
        run("apply", "-f", "-", text=GOOD.format(name=name))

    assert run("delete", "vs", one).exit_code == 0
    assert run("delete", "-f", "-", text=GOOD.format(name=two)).exit_code == 0
    assert run("get", "vs", one).exit_code == run("get", "vs", two).exit_code == 1


def test_what_is_not_there_cannot_be_deleted(run: Run) -> None:
    assert run("delete", "vs", fresh()).exit_code == 1
    assert run("delete", "vs", fresh(), "--ignore-not-found").exit_code == 0


def test_wait_for_the_proxies(run: Run) -> None:
    name = fresh()
    run("apply", "-f", "-", text=GOOD.format(name=name))

    assert run("wait", f"virtualservice/{name}", "--timeout", "5s").exit_code == 0
    assert run("wait", f"vs/{fresh()}", "--timeout", "1s").exit_code == 1


def test_wait_for_a_pod_that_does_not_come(run: Run) -> None:
    result = run("wait", "pod/nobody", "--timeout", "200ms")

    assert result.exit_code == 1
    assert "is not there" in result.stderr


def test_status(run: Run) -> None:
    answer = read(run("status", "-o", "json"))

    assert answer["proxies"][0]["types"]["CDS"]["state"] == "SYNCED"
    assert "CDS" in run("status").stdout
