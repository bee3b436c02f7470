"""Take away everything that a mesh put on this machine, whatever is left of it.

Place:  shell/runtime · used by `meltemi down`, also after `kill -9` of everything; doing it twice does nothing more
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec

from meltemi.core.model.value import Value
from meltemi.core.node.nft import removal
from meltemi.core.node.settings import NodeSettings
from meltemi.shell.runtime import processes, sysctl
from meltemi.shell.runtime.cgroups import remove_groups
from meltemi.shell.runtime.settings import mesh_id, read_settings

DAEMON_GRACE = 5.0
"""Seconds that supervisor, node and control plane get between SIGTERM and SIGKILL."""
POD_GRACE = 5.0
"""The same for the pods' sandboxes."""
SANDBOX = "meltemi.shell.runtime.sandbox"
"""The program that is PID 1 of a pod, or starts it."""
RUNTIME = ("pods", "node", "xds", "modules")
"""Directories of STATE that mean nothing without processes and store; so do sockets and *.pid."""


class Report(Value, frozen=True, kw_only=True):
    """What was taken away; all empty if there was nothing."""

    processes: tuple[str, ...] = ()
    """`PID COMMAND`."""
    table: str = ""
    interfaces: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    """Cgroups of containers with limits."""
    settings: tuple[str, ...] = ()
    """Kernel settings that have their old values again."""
    files: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """What to tell: one line for each sort of thing."""
        said = msgspec.structs.asdict(self)
        texts = {name: value if isinstance(value, str) else ", ".join(value) for name, value in said.items()}
        return tuple(f"{name}: {text}" for name, text in texts.items() if text)


def cleanup(state: Path) -> Report:
    """Remove processes, rules, interfaces, mounts and runtime files of a state directory.

    The store, the settings and the logs stay. Without root all but processes and files goes with the processes.
    """
    settings = _settings(state)
    if os.geteuid():
        return Report(processes=_end_all(state), files=_remove_files(state))
    return Report(
        processes=_end_all(state),
        table=_remove_table(settings),
        interfaces=_remove_interfaces(settings),
        addresses=_remove_address(settings),
        routes=_remove_route(settings),
        mounts=_unmount(state),
        groups=remove_groups(state),
        settings=_restore(state),
        files=_remove_files(state),
    )


def _settings(state: Path) -> NodeSettings:
    try:
        return read_settings(state)
    except msgspec.DecodeError:
        return NodeSettings(mesh_id=mesh_id(state))  # a broken file must not keep anything alive


def _end_all(state: Path) -> tuple[str, ...]:
    """Who would start others goes first, sandboxes last."""
    daemons = [p for p in processes.find(state) if not p.in_pod and SANDBOX not in p.command]
    ended = processes.end(daemons, grace=DAEMON_GRACE)
    ended += processes.end((p for p in processes.find(state) if p.first or not p.in_pod), grace=POD_GRACE)
    ended += processes.end(processes.find(state), grace=0.0)
    return tuple(f"{process.pid} {process.command}" for process in ended)


def _run(*command: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=30)


def _json(*command: str) -> list[dict[str, Any]]:
    done = _run(*command)
    return msgspec.json.decode(done.stdout) if done.returncode == 0 and done.stdout.strip() else []


def _remove_table(settings: NodeSettings) -> str:
    if not shutil.which("nft") or _run("nft", "list", "table", "ip", settings.table).returncode:
        return ""
    return settings.table if _run("nft", "-f", "-", text=removal(settings)).returncode == 0 else ""


def _remove_interfaces(settings: NodeSettings) -> tuple[str, ...]:
    """Host's ends of veths; normally they went with the pods. Routes to pods go with them."""
    names = [str(link.get("ifname")) for link in _json("ip", "-json", "link", "show", "type", "veth")]
    ours = [name for name in names if name.startswith(settings.veth_prefix)]
    return tuple(name for name in ours if _run("ip", "link", "delete", name).returncode == 0)


def _remove_address(settings: NodeSettings) -> tuple[str, ...]:
    held = [a for link in _json("ip", "-json", "address", "show", "dev", "lo") for a in link.get("addr_info", ())]
    ours = [f"{a['local']}/{a['prefixlen']}" for a in held if a.get("label") == settings.address_label]
    return tuple(a for a in ours if _run("ip", "address", "delete", a, "dev", "lo").returncode == 0)


def _remove_route(settings: NodeSettings) -> tuple[str, ...]:
    """The route to Services, known by the address that only we have. The kernel may have dropped it with that."""
    route = (settings.service_cidr, "dev", "lo", "src", settings.node_ip)
    return (settings.service_cidr,) if _run("ip", "route", "delete", *route).returncode == 0 else ()


def _unmount(state: Path) -> tuple[str, ...]:
    """Mounts below the state directory, the last one first."""
    return tuple(point for point in _mounts(state) if _run("umount", "--lazy", point).returncode == 0)


def _mounts(state: Path) -> list[str]:
    root = f"{state.resolve()}/"
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split(" ")[4].encode().decode("unicode_escape") for line in lines]
    return [point for point in reversed(points) if point.startswith(root)]


def _restore(state: Path) -> tuple[str, ...]:
    """Give settings back, unless another mesh on this machine needs them still."""
    tables = _run("nft", "list", "tables", "ip").stdout if shutil.which("nft") else ""
    return () if "meltemi-" in tables else tuple(sysctl.restore(state))


def _remove_files(state: Path) -> tuple[str, ...]:
    if not state.is_dir() or _mounts(state):
        return ()  # what is mounted there may be somebody's own directory
    gone: list[str] = []
    for directory in (state / name for name in RUNTIME):
        if directory.is_dir():
            shutil.rmtree(directory, ignore_errors=True)
            gone.append(directory.name)
    for file in state.iterdir():
        if file.is_socket() or file.suffix == ".pid":
            file.unlink(missing_ok=True)
            gone.append(file.name)
    return tuple(gone)
