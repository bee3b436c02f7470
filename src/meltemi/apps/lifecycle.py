"""Start a mesh on this machine, wait until it is ready, take it down.

Place:  apps · used by `up`, `demo` and `down`
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import msgspec

from meltemi.apps import kube_cluster, registry, rootless
from meltemi.apps.cli.apply import apply_files
from meltemi.apps.cli.output import echo_findings
from meltemi.apps.doctor import examine
from meltemi.apps.readiness import Readiness
from meltemi.core.model.value import Value
from meltemi.core.node.settings import NodeSettings
from meltemi.shell.client import SUPERVISOR, Client, UnreachableError
from meltemi.shell.pids import alive
from meltemi.shell.runtime.cleanup import cleanup
from meltemi.shell.runtime.settings import FILE as SETTINGS
from meltemi.shell.runtime.settings import read_settings

MANIFESTS = Path(__file__).parents[1] / "samples/manifests"
SYSTEM = ("default.yaml", "istio-system.yaml", "istio-ingressgateway.yaml")
EGRESS = "istio-egressgateway.yaml"
_OPTIONS = {"image_maps": "images"}
"""Settings whose option has another name."""
SMALLEST = 16
"""Addresses that a network of pods or Services must have at least."""
API_PATIENCE, KUBE_PATIENCE = 20.0, 90.0
"""Seconds that the control plane may take to answer for the first time, alone and behind a real API server."""
STOP_PATIENCE = 15.0
"""Seconds that the control plane and the node get to end."""
POLL = 0.1
"""Seconds between two looks."""

Say = Callable[[str], None]


class CannotError(Exception):
    """The mesh could not be started or reached; the text says why and what to do."""


class Options(Value, frozen=True, kw_only=True):
    """What `up` was given."""

    state: Path
    gateway_port: int | None = None
    pod_cidr: str = ""
    """Empty: the default of NodeSettings, as for `service_cidr`."""
    service_cidr: str = ""
    images: tuple[Path, ...] = ()
    xds_port: int | None = None
    ca_port: int | None = None
    xds_tls_port: int | None = None
    certificate_life: float | None = None
    """Seconds."""
    discovery: str | None = None
    keys_every: float | None = None
    """Seconds."""
    keys_from: tuple[str, ...] = ()
    insecure_registries: tuple[str, ...] = ()
    mesh_config: Path | None = None
    kube: bool = False
    """Run from a real Kubernetes API server."""
    egress_gateway: bool = False
    """Have an egress gateway too."""


class Lifecycle:
    """One mesh in one state directory."""

    def __init__(self, options: Options, *, say: Say) -> None:
        self._options = options
        self._state = options.state.absolute()
        self._say = say
        self._doors = rootless.Doors()

    def prepare(self) -> None:
        """See that the mesh can be started, and settle its settings. Raises CannotError, with nothing started."""
        if running(self._state):
            return
        if lacking := [check for check in examine() if not check.good]:
            listed = "\n".join(f"  {check.name}: {check.found}; mend: {check.mend}" for check in lacking)
            raise CannotError(f"this machine lacks something that a mesh needs\n{listed}")
        tree = self._settings()
        settings = msgspec.convert(tree, NodeSettings)
        _check_networks(settings)
        if rootless.is_root():
            self._make_room(settings)
        else:
            tree["gateway_port"] = self._open_doors(settings)
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if settings.kube:
            kube_cluster.prepare(self._state, settings)
        (self._state / SETTINGS).write_text(json.dumps(tree))
        if rootless.is_root():  # else its addresses are its own
            registry.register(self._state, settings)

    def start(self) -> None:
        """After `prepare`: start the supervisor unless it runs, apply what every mesh has. Raises CannotError."""
        if running(self._state):
            self._say("the mesh runs already")
            self._tell_ignored()
            return
        self._say("starting the control plane and the node")
        self._spawn()
        self._await_api()
        self._apply_system()

    def _make_room(self, settings: NodeSettings) -> None:
        """Remove what killed meshes left, but not where it is in nobody's way: their pods may serve still.

        Raises CannotError where a living mesh has the same addresses.
        """
        for note in registry.others(self._state):
            if note.lives and note.overlaps(settings):
                raise CannotError(
                    f"the mesh in {note.state} uses these addresses\n"
                    "  help: take it down ('meltemi down --state …'), or choose others: --pod-cidr, --service-cidr"
                )
            if not note.lives and (note.overlaps(settings) or not Path(note.state).is_dir()):
                self._say(f"removing what a killed mesh left ({note.state})")
                cleanup(Path(note.state))
                registry.forget(Path(note.state))

    def _settings(self) -> dict[str, Any]:
        """What was given now; where nothing, what a killed mesh had, whose pods may live. Raises CannotError."""
        before, said = self._before(), self._said()
        for name in ("pod_cidr", "service_cidr") if before else ():
            if said.get(name, before.get(name)) != before.get(name):
                raise CannotError(
                    f"this mesh was not taken down, and has other addresses ({name} {before.get(name, 'default')})\n"
                    f"  help: 'meltemi down --state {self._state}' first"
                )
        return before | said | kube_cluster.settled(before, asked=self._options.kube)

    def _before(self) -> dict[str, Any]:
        """The settings of a mesh that was not taken down."""
        try:
            return json.loads((self._state / SETTINGS).read_bytes())
        except (OSError, ValueError):
            return {}

    def _said(self) -> dict[str, Any]:
        options = self._options
        said = {
            "gateway_port": options.gateway_port,
            "pod_cidr": options.pod_cidr,
            "service_cidr": options.service_cidr,
            "xds_port": options.xds_port,
            "ca_port": options.ca_port,
            "xds_tls_port": options.xds_tls_port,
            "certificate_life": options.certificate_life,
            "egress_gateway": options.egress_gateway,
            "discovery": options.discovery,
            "keys_every": options.keys_every,
            "keys_from": list(options.keys_from),
            "insecure_registries": list(options.insecure_registries),
            "image_maps": [str(path.absolute()) for path in options.images],
        }
        return {name: value for name, value in said.items() if value}

    def _tell_ignored(self) -> None:
        before = self._before()
        for name, value in self._said().items():
            if before.get(name) != value:
                self._say(f"--{_OPTIONS.get(name, name.replace('_', '-'))} has no effect on a mesh that runs already")

    def _open_doors(self, settings: NodeSettings) -> int:
        """The port of 127.0.0.1 that leads to the gateway of a mesh without root. Raises CannotError."""
        rootless.free_doors(self._state)
        port = settings.gateway_port or 0
        try:
            port = self._doors.open("--door", port)
        except OSError as problem:
            raise CannotError(
                f"port {port} of 127.0.0.1 cannot be served: {problem.strerror}\n  help: choose another --gateway-port"
            ) from None
        if settings.kube:
            self._open_kube_door(settings.kube.api_port)
        return port

    def _open_kube_door(self, port: int) -> None:
        try:
            self._doors.open("--kube-door", port)
        except OSError as problem:
            raise CannotError(
                f"port {port} of 127.0.0.1, that of the API server, cannot be served: {problem.strerror}\n"
                "  help: 'meltemi down', then 'up' chooses another"
            ) from None

    def _spawn(self) -> None:
        environment = os.environ | {"MELTEMI_STATE": str(self._state)}
        command = [sys.executable, "-m", SUPERVISOR, "--state", str(self._state)]
        if not rootless.is_root():
            command = [*rootless.entrance(self._state), *command, *self._doors.arguments]
        with (self._state / "supervisor.log").open("ab") as log:
            subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True,
                pass_fds=self._doors.numbers,
            )  # fmt: skip
        self._doors.close()

    # === once it runs ===

    def apply(self, files: Sequence[Path]) -> bool:
        """Apply files, each whole or not at all; False where one was refused. Findings are printed."""
        good = True
        for file in files:
            answer = apply_files(self._state, [str(file)])
            echo_findings(answer["findings"])
            if answer["refused"]:
                self._say(f"{file} is refused, nothing of it was changed")
                good = False
        return good

    def wait_ready(self, seconds: float) -> bool:
        """Until every pod is ready and every proxy has acknowledged; False (and what is missing) after the time."""
        readiness = Readiness(self._client)
        end = time.monotonic() + seconds
        told = ""
        while True:
            progress, missing = readiness.progress()
            if progress != told:
                self._say(progress)
                told = progress
            if not missing:
                return readiness.acknowledged(end)
            if time.monotonic() > end:
                for line in missing:
                    self._say(f"  not ready: {line}")
                return False
            time.sleep(POLL)

    def address(self) -> str:
        """Where the ingress gateway is reached from this machine."""
        if port := read_settings(self._state).gateway_port:
            return f"http://127.0.0.1:{port}"
        service = self._client.get("/api/v1/namespaces/istio-system/services/istio-ingressgateway")
        return f"http://{service['spec']['clusterIP']}"

    @property
    def kubeconfig(self) -> Path | None:
        """For kubectl; None where there is no real API server."""
        return kube_cluster.kubeconfig(self._state) if read_settings(self._state).kube else None

    def stay(self) -> None:
        """Return at Ctrl-C, or when somebody else takes the mesh down."""
        try:
            while running(self._state):
                time.sleep(0.5)
        except KeyboardInterrupt:
            self._say("")

    def down(self) -> tuple[str, ...]:
        """End everything of the mesh and remove what it left; says what. Works on the remains of a killed mesh too."""
        _stop_supervisor(self._state)
        removed = cleanup(self._state).lines()
        registry.forget(self._state)
        kube_cluster.remove(self._state)
        for name in ("store.db", "store.db-wal", "store.db-shm", SETTINGS):
            (self._state / name).unlink(missing_ok=True)
        return removed

    # === the parts ===

    @property
    def _client(self) -> Client:
        return Client(self._state / "api.sock")

    def _await_api(self) -> None:
        end = time.monotonic() + (KUBE_PATIENCE if self.kubeconfig else API_PATIENCE)
        while time.monotonic() < end:
            with contextlib.suppress(UnreachableError):
                self._client.get("/api/v1/namespaces/default")
                return
            time.sleep(POLL)
        raise CannotError(f"the control plane does not answer\n  help: see {self._state}/control-plane.log")

    def _apply_system(self) -> None:
        asked = (*SYSTEM, EGRESS) if self._options.egress_gateway else SYSTEM
        files = [MANIFESTS / name for name in asked]
        with tempfile.TemporaryDirectory() as folder:
            if self._options.mesh_config:
                files.append(_config_map(self._options.mesh_config, Path(folder)))
            if not self.apply(files):
                raise CannotError("what every mesh has was refused")


@contextlib.contextmanager
def foreground(mesh: Lifecycle) -> Generator[None]:
    """Take the mesh down at the end, however it comes: Ctrl-C, SIGTERM, a closed terminal, an exception."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # who is impatient would leave half of it behind
        mesh.down()


def _check_networks(settings: NodeSettings) -> None:
    for option, text in (("--pod-cidr", settings.pod_cidr), ("--service-cidr", settings.service_cidr)):
        try:
            small = IPv4Network(text).num_addresses < SMALLEST
        except ValueError as problem:
            raise CannotError(f"{option}: {problem}\n  help: write a network like 198.18.0.0/16") from None
        if small:
            raise CannotError(f"{option}: {text} has fewer than {SMALLEST} addresses\n  help: choose a larger one")
    if IPv4Network(settings.pod_cidr).overlaps(IPv4Network(settings.service_cidr)):
        raise CannotError("--pod-cidr and --service-cidr share addresses\n  help: choose networks that do not")


def _config_map(file: Path, folder: Path) -> Path:
    """A MeshConfig as Istio keeps it: text in the ConfigMap `istio` of the root namespace."""
    tree = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "istio", "namespace": "istio-system"},
        "data": {"mesh": file.read_text()},
    }
    target = folder / "istio.json"
    target.write_text(json.dumps(tree))
    return target


def _stop_supervisor(state: Path) -> None:
    """Ask it to end the control plane and the node, so that they do not come back while the rest is removed."""
    if not running(state):
        return
    os.kill(int((state / "supervisor.pid").read_text()), signal.SIGTERM)
    end = time.monotonic() + STOP_PATIENCE
    while running(state) and time.monotonic() < end:
        time.sleep(0.05)


def running(state: Path) -> bool:
    """Whether the supervisor of a state directory lives."""
    return alive(state / "supervisor.pid", SUPERVISOR)
