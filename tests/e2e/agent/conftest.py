"""A pod of the tests' own: a network namespace with a control plane, the agent, and an application."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ADDRESS = "198.18.77.2"
"""Of the pod; its network namespace has no way out."""

RUNTIME = "type.googleapis.com/envoy.service.runtime.v3.Runtime"
LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
TCP_PROXY = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"


def until(met: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for a condition; the limit is only there so that a failing test ends."""
    end = time.monotonic() + seconds
    while not met():
        if time.monotonic() > end:
            raise AssertionError("the condition was not met in time")
        time.sleep(0.02)


class Pod:
    """A namespace and what runs in it; all of it ends with the test."""

    def __init__(self, name: str, folder: Path, stack: ExitStack) -> None:
        self.name, self.folder, self._stack = name, folder, stack
        self.socket = folder / "xds.sock"

    def argv(self, *command: str, uid: int = 0) -> list[str]:
        user = ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "--"] if uid else []
        return ["ip", "netns", "exec", self.name, *user, *command]

    def run(self, *command: str, uid: int = 0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.argv(*command, uid=uid), capture_output=True, text=True, check=False, timeout=60)

    def start(self, *command: str, uid: int = 0, **env: str) -> subprocess.Popen[bytes]:
        out = (self.folder / f"{Path(command[-1]).name[:20]}.log").open("ab")
        argv = self.argv(*command, uid=uid)
        process = subprocess.Popen(argv, stdout=out, stderr=out, env={**os.environ, **env})
        self._stack.callback(self._end, process)
        return process

    def piped(self, *command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(self.argv(*command), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._stack.callback(self._end, process)
        return process

    def control_plane(self, resources: dict[str, list[dict[str, object]]]) -> subprocess.Popen[bytes]:
        file = self.folder / "resources.json"
        file.write_text(json.dumps(resources))
        self.socket.unlink(missing_ok=True)
        process = self.start(sys.executable, str(HERE / "control_plane.py"), str(self.socket), str(file))
        until(self.socket.exists)
        return process

    def agent(self, role: str = "sidecar", **env: str) -> subprocess.Popen[bytes]:
        config = json.dumps({"configPath": str(self.folder / "proxy"), "terminationDrainDuration": "1s"})
        told = {
            "POD_NAME": "app",
            "POD_NAMESPACE": "test",
            "INSTANCE_IP": ADDRESS,
            "MELTEMI_XDS_SOCKET": str(self.socket),
            "PROXY_CONFIG": config,
        }
        return self.start(*pilot_agent("proxy", role), uid=1337, **{**told, **env})

    def get(self, url: str, *flags: str) -> tuple[int, str]:
        """Status (0: no answer) and body."""
        done = self.run("curl", "-s", "-m", "10", "-o", "-", "-w", "\n%{http_code}", *flags, url)
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body

    def is_ready(self) -> bool:
        return self.get("http://127.0.0.1:15021/healthz/ready")[0] == 200

    def pids(self, word: str) -> list[int]:
        inside = self.run("ip", "netns", "pids", self.name).stdout.split()
        return [int(p) for p in inside if word in _command(p)]

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""


def pilot_agent(*args: str) -> list[str]:
    return [sys.executable, "-m", "meltemi.apps.agent", *args]


@pytest.fixture
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    if os.geteuid() != 0:
        pytest.skip("needs root for a network namespace")
    name = f"sidecars-{os.getpid()}"
    folder = tmp_path_factory.mktemp("sidecars")
    for directory in (folder, *list(folder.parents)[:2]):
        directory.chmod(0o755)  # pytest makes them for root alone; the proxy runs as another user
    (folder / "proxy").mkdir()
    (folder / "proxy").chmod(0o777)
    with ExitStack() as stack:
        subprocess.run(["ip", "netns", "add", name], check=True)
        stack.callback(subprocess.run, ["ip", "netns", "del", name], check=True)
        for line in ("link set lo up", f"addr add {ADDRESS}/32 dev lo", "route add default dev lo"):
            subprocess.run(["ip", "-n", name, *line.split()], check=True)
        yield Pod(name, folder, stack)


def tcp_listener(name: str, port: int, cluster: str) -> dict[str, object]:
    proxy = {"@type": TCP_PROXY, "stat_prefix": cluster, "cluster": cluster}
    return _listener(name, port, {"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy})


def http_listener(name: str, port: int, cluster: str) -> dict[str, object]:
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}]
    manager = {
        "@type": MANAGER,
        "stat_prefix": f"inbound_{port}",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}],
    }
    filter_: dict[str, object] = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    return _listener(name, port, filter_)


def _listener(name: str, port: int, filter_: dict[str, object]) -> dict[str, object]:
    return {
        "name": name,
        "traffic_direction": "INBOUND",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": port}},
        "filter_chains": [{"filters": [filter_]}],
    }


def cluster(name: str, port: int) -> dict[str, object]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}
    return {"name": name, "type": "STATIC", "connect_timeout": "1s", "load_assignment": assignment}


def inbound(port: int, app: int) -> dict[str, list[dict[str, object]]]:
    """One HTTP listener on `port` to the application's `app`, and one of raw TCP on the ports above."""
    http_name, tcp_name = f"inbound|{app}||", f"inbound|{app + 1}||"
    return {
        RUNTIME: [{"name": "mesh", "layer": {}}],
        LISTENER: [http_listener("http", port, http_name), tcp_listener("tcp", port + 1, tcp_name)],
        CLUSTER: [cluster(http_name, app), cluster(tcp_name, app + 1)],
    }
