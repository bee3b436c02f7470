"""Pod: a workload, what it listens on and how it fares.

Place:  model/kube → compose/registry, pipeline/scope
API:    v1
"""

from meltemi.core.model.value import Value


class ContainerPort(Value, frozen=True, kw_only=True):
    """A port that a container says it listens on."""

    name: str = ""
    container_port: int = 0
    protocol: str = "TCP"


class EnvVar(Value, frozen=True, kw_only=True):
    """A variable of a container's environment; `value` is empty where it comes from elsewhere."""

    name: str = ""
    value: str = ""


class Resources(Value, frozen=True, kw_only=True):
    """What a container may use at most."""

    limits: tuple[tuple[str, int | float | str], ...] = ()


class Container(Value, frozen=True, kw_only=True):
    """A container of a pod."""

    name: str = ""
    image: str = ""
    args: tuple[str, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    env: tuple[EnvVar, ...] = ()
    resources: Resources = Resources()


class EmptyDir(Value, frozen=True, kw_only=True):
    """A directory that lives as long as its pod."""

    medium: str = ""
    """Empty for the machine's disk; `Memory`."""
    size_limit: int | float | str | None = None


class Volume(Value, frozen=True, kw_only=True):
    """A directory of a pod; of what it may be, only what is judged."""

    name: str = ""
    empty_dir: EmptyDir | None = None


class PodSpec(Value, frozen=True, kw_only=True):
    """What a pod runs."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    service_account_name: str = ""
    """Empty is `default`."""
    service_account: str = ""
    """Deprecated form of `service_account_name`."""
    node_name: str = ""
    hostname: str = ""
    subdomain: str = ""
    host_network: bool = False
    volumes: tuple[Volume, ...] = ()
    restart_policy: str = ""
    """Empty is `Always`, which a Job cannot have."""


class PodIP(Value, frozen=True, kw_only=True):
    """One of a pod's addresses."""

    ip: str = ""


class PodCondition(Value, frozen=True, kw_only=True):
    """One aspect of a pod's state."""

    type: str = ""
    """`Ready`, `ContainersReady`, `Initialized`, `PodScheduled`."""
    status: str = ""
    """`True`, `False` or `Unknown`."""


class PodStatus(Value, frozen=True, kw_only=True, rename={"pod_ip": "podIP", "pod_ips": "podIPs"}):
    """How a pod fares."""

    phase: str = ""
    """`Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`."""
    pod_ip: str = ""
    pod_ips: tuple[PodIP, ...] = ()
    conditions: tuple[PodCondition, ...] = ()


class Pod(Value, frozen=True, kw_only=True):
    """A pod."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()
