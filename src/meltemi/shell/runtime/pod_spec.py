"""What a sandbox is told: one pod, with everything looked up that stands elsewhere.

Place:  shell/runtime · kubelet (by podspec) writes it as STATE/pods/UID/spec.json → sandbox reads it
"""

from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.core.node.limits import Limits
from meltemi.core.node.tokens import TokenFile


class Handler(Value, frozen=True, kw_only=True):
    """A probe's or a hook's deed; exactly one is set."""

    exec: tuple[str, ...] = ()
    http_path: str = ""
    http_host: str = ""
    """Empty: the pod itself."""
    https: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    port: int = 0
    """With `http_path` a request is sent, with `grpc_service` the health is asked, else a connection is opened."""
    grpc_service: str | None = None
    sleep: Seconds | None = None


class Probe(Value, frozen=True, kw_only=True):
    """A question that is asked again and again. Defaults are Kubernetes'."""

    handler: Handler
    initial_delay: Seconds = Seconds(0)
    period: Seconds = Seconds(10)
    timeout: Seconds = Seconds(1)
    success: int = 1
    failure: int = 3


class Mount(Value, frozen=True, kw_only=True):
    """A volume's place in a container."""

    volume: str
    path: str
    sub_path: str = ""
    read_only: bool = False


class Volume(Value, frozen=True, kw_only=True):
    """A directory: empty, with files, or of the host."""

    name: str
    files: tuple[tuple[str, bytes, int], ...] = ()
    """Path below the volume, content, mode."""
    host_path: str = ""
    create: bool = False
    """Whether a missing host path is made."""
    in_memory: bool = False
    size: int | None = None
    """Bytes at most, of a volume in memory; None for half of the machine's memory."""
    kept_outside: bool = False
    """The node writes the files, at `host_path`, also while the pod runs; the pod reads them only."""


class Container(Value, frozen=True, kw_only=True):
    """One process to supervise."""

    name: str
    image: str = ""
    sidecar: bool = False
    """An init container that goes on beside the others (`restartPolicy: Always`)."""
    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    directory: str = "/"
    user: int = 0
    group: int = 0
    groups: tuple[int, ...] = ()
    capabilities: tuple[str, ...] = ()
    privileged: bool = False
    no_new_privileges: bool = False
    mounts: tuple[Mount, ...] = ()
    limits: Limits = Limits()
    ports: tuple[int, ...] = ()
    """Declared TCP ports: without a readiness probe the container is ready when they accept connections."""
    startup: Probe | None = None
    liveness: Probe | None = None
    readiness: Probe | None = None
    post_start: Handler | None = None
    pre_stop: Handler | None = None
    fault: tuple[str, str] | None = None
    """Reason and message why it cannot be started at all (`ErrImagePull`, …)."""


class PodSpec(Value, frozen=True, kw_only=True):
    """One pod."""

    uid: str
    namespace: str
    name: str
    hostname: str
    address: str
    gateway: str
    """The host's address towards pods."""
    interface: str
    """Name of the host's end of the veth."""
    resolv_conf: str
    hosts: str
    state: str
    """The mesh's state directory: hidden from the pod, but marks its processes."""
    reachable: tuple[str, ...] = ()
    """Directories of the host that every user of the pod must be able to enter (the interpreter's)."""
    service_account: str = "default"
    tokens: tuple[TokenFile, ...] = ()
    restart_policy: str = "Always"
    grace: Seconds = Seconds(30)
    volumes: tuple[Volume, ...] = ()
    init: tuple[Container, ...] = ()
    containers: tuple[Container, ...]
