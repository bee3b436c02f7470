"""The script and the program look for the binaries of a Kubernetes API in the same places."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from meltemi.shell.kube.assets import NEEDED, OPTIONAL, find, missing

SCRIPT = Path(__file__).parents[3] / "scripts/kube-assets"
NAMES = (*NEEDED, *OPTIONAL)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Three folders in the order in which they are asked; PATH has besides what the script itself needs."""
    found = {name: tmp_path / name for name in ("envtest", "path", "cache")}
    for folder in found.values():
        folder.mkdir()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(found["envtest"]))
    monkeypatch.setenv("PATH", f"{found['path']}:/usr/bin:/bin")
    monkeypatch.setenv("MELTEMI_KUBE_ASSETS", str(found["cache"]))
    return found


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)


def script(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, check=False, env=dict(os.environ))


def said(names: Sequence[str]) -> dict[str, str]:
    lines = script("--check", *names).stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines)


def test_both_find_the_same(places: dict[str, Path]) -> None:
    put(places["cache"], *NAMES)
    put(places["path"], "etcd", "kube-apiserver")
    put(places["envtest"], "etcd")

    wanted = {name: places["cache"] / name for name in NAMES}
    wanted |= {"kube-apiserver": places["path"] / "kube-apiserver", "etcd": places["envtest"] / "etcd"}
    assert {name: find(name) for name in NAMES} == wanted
    assert said(NAMES) == {name: str(path) for name, path in wanted.items()}
    assert missing() == ()


def test_a_file_that_cannot_be_run_does_not_count(places: dict[str, Path]) -> None:
    (places["cache"] / "etcd").write_text("")

    assert find("etcd") is None
    assert script("--check", "etcd").returncode == 1


def test_what_is_missing_is_named(places: dict[str, Path]) -> None:
    put(places["cache"], "etcd")
    done = script("--check", *NEEDED)

    assert missing() == ("kube-apiserver",)
    assert (done.returncode, done.stderr) == (1, "kube-assets: kube-apiserver not found\n")


def test_without_go_it_says_what_to_install(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO", str(places["path"] / "go"))
    done = script("etcd")

    assert done.returncode == 2
    assert "install Go 1.24 or newer" in done.stderr


def test_the_cache_is_in_the_users_own(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MELTEMI_KUBE_ASSETS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(places["cache"]))
    (places["cache"] / "meltemi/kube-assets").mkdir(parents=True)
    put(places["cache"] / "meltemi/kube-assets", "etcd")

    assert find("etcd") == places["cache"] / "meltemi/kube-assets/etcd"
    assert said(["etcd"])["etcd"] == str(find("etcd"))
