"""Groups as both versions of cgroups have them; the real ones of this machine where they are allowed."""

import os
import signal
from pathlib import Path

import pytest

from meltemi.core.node.limits import Limits
from meltemi.shell.runtime import cgroups
from meltemi.shell.runtime.cgroups import Cgroups, Group, close, find

BOTH = Limits(memory=32 << 20, cpu=50_000)
POD = ("meltemi-abc", "pod")


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    """As much of cgroup v2 as ordinary files can be."""
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    _group(tmp_path / "meltemi-abc/pod/web", "cgroup.procs", "memory.events")
    return tmp_path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The same of v1."""
    for name in ("cpu", "memory"):
        _group(tmp_path / name / "meltemi-abc/pod/web", "cgroup.procs", "memory.oom_control")
        (tmp_path / name / "cgroup.procs").touch()
    return tmp_path


def _group(place: Path, *names: str) -> None:
    """The kernel makes these files with the directory."""
    place.mkdir(parents=True)
    for name in names:
        (place / name).touch()


def made(root: Path) -> tuple[Cgroups, Group]:
    groups = find(root)
    assert groups
    return groups, groups.make((*POD, "web"), BOTH)


def test_version_2(unified: Path) -> None:
    groups, group = made(unified)
    web = unified / "meltemi-abc/pod/web"

    assert groups.unified
    for place in (unified, unified / "meltemi-abc", unified / "meltemi-abc/pod"):
        assert (place / "cgroup.subtree_control").read_text() == "+cpu +memory"
    assert not (web / "cgroup.subtree_control").exists()
    assert (web / "memory.max").read_text() == str(32 << 20)
    assert (web / "cpu.max").read_text() == "50000 100000"
    group.enter()
    assert (web / "cgroup.procs").read_text() == "0"
    (web / "memory.events").write_text("low 0\noom 3\noom_kill 2\noom_group_kill 1\n")
    assert group.kills() == 2
    close([group])


def test_version_1(old: Path) -> None:
    groups, group = made(old)

    assert not groups.unified
    assert (old / "memory/meltemi-abc/pod/web/memory.limit_in_bytes").read_text() == str(32 << 20)
    assert (old / "cpu/meltemi-abc/pod/web/cpu.cfs_quota_us").read_text() == "50000"
    group.enter()
    for name in ("cpu", "memory"):
        assert (old / name / "meltemi-abc/pod/web/cgroup.procs").read_text() == "0"
    (old / "memory/meltemi-abc/pod/web/memory.oom_control").write_text("under_oom 0\noom_kill 1\n")
    assert group.kills() == 1
    close([group])


def test_a_machine_without_them(tmp_path: Path) -> None:
    assert find(tmp_path) is None
    (tmp_path / "cgroup.controllers").write_text("cpuset pids\n")
    assert find(tmp_path) is None


@pytest.mark.skipif(cgroups.allowed() is None, reason="cgroups are not allowed here")
def test_the_kernel_holds_a_process_to_its_group() -> None:
    groups = find()
    assert groups
    name = f"meltemi-test-{os.getpid()}"
    group = groups.make((name, "pod", "web"), BOTH)
    child = os.fork()
    if not child:
        group.enter()
        kept = bytearray(64 << 20)
        os._exit(len(kept) % 7)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert group.kills() == 1
    close([group])
    assert groups.remove(name)
    assert not groups.remove(name)
