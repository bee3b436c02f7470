"""A Pod as it is stored → what its sandbox is told.

Place:  shell/runtime · kubelet → [podspec] → STATE/pods/UID/spec.json
Source: Kubernetes, API reference, Pod v1; "Define Dependent Environment Variables"; containerd's default capabilities.
"""

import pwd
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from meltemi.core.model.units import Seconds
from meltemi.core.node.limits import Limits, limits_of
from meltemi.core.node.resolv import pod_resolv_conf
from meltemi.core.node.settings import NodeSettings
from meltemi.core.node.tokens import TokenFile, token_files
from meltemi.shell.runtime.images import Image, Needs, find, lacking
from meltemi.shell.runtime.pod_environment import environment_of
from meltemi.shell.runtime.pod_probes import handler, probe
from meltemi.shell.runtime.pod_spec import Container, Mount, PodSpec
from meltemi.shell.runtime.pod_values import Lookup, MissingError, PodValues, Tree, expanded
from meltemi.shell.runtime.pod_volumes import volume
from meltemi.shell.runtime.tokens import VOLUMES
from meltemi.shell.users import one_user

DEFAULT_CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
)  # fmt: skip


class Translator:
    """One pod, with what it refers to."""

    def __init__(
        self, pod: Tree, address: str, *, settings: NodeSettings, state: Path, images: Sequence[Image], lookup: Lookup
    ) -> None:
        self._meta: Tree = pod["metadata"]
        self._spec: Tree = pod["spec"]
        self._address = address
        self._settings = settings
        self._state = state
        self._images = images
        self._values = PodValues(pod, address, settings=settings, lookup=lookup)

    def translate(self) -> PodSpec:
        """Everything looked up. Raises MissingError."""
        name: str = self._meta["name"]
        hostname: str = self._spec.get("hostname") or name[:63]
        place = self._state / "pods" / self._meta["uid"] / VOLUMES
        init = tuple(self._container(one) for one in self._spec.get("initContainers") or ())
        containers = tuple(self._container(one) for one in self._spec["containers"])
        return PodSpec(
            uid=self._meta["uid"],
            namespace=self._meta["namespace"],
            name=name,
            hostname=hostname,
            address=self._address,
            gateway=self._settings.node_ip,
            interface=f"{self._settings.veth_prefix}{self._meta['uid'].replace('-', '')[:7]}",
            resolv_conf=self._resolv_conf(),
            hosts=self._hosts(hostname),
            state=str(self._state),
            reachable=_interpreter_places(),
            restart_policy=self._spec.get("restartPolicy", "Always"),
            grace=Seconds(self._spec.get("terminationGracePeriodSeconds", 30)),
            volumes=tuple(volume(one, place, self._values) for one in self._spec.get("volumes") or ()),
            init=init,
            containers=containers,
            service_account=self._values.field("spec.serviceAccountName"),
            tokens=self._tokens((*init, *containers)),
        )

    def _resolv_conf(self) -> str:
        return pod_resolv_conf(self._meta["namespace"], self._settings.cluster_domain)

    def _hosts(self, hostname: str) -> str:
        lines = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost", f"{self._address}\t{hostname}"]
        aliases: Sequence[Tree] = self._spec.get("hostAliases") or ()
        lines += [f"{alias['ip']}\t{' '.join(alias['hostnames'])}" for alias in aliases]
        return "\n".join(lines) + "\n"

    # === containers ===

    def _container(self, one: Tree) -> Container:
        image: str = one.get("image", "")
        mapped = find(self._images, image)
        environment = environment_of(one, mapped, name=self._meta["name"], state=self._state, values=self._values)
        argv = _argv(one, mapped)
        security: Tree = {**(self._spec.get("securityContext") or {}), **(one.get("securityContext") or {})}
        changes: Tree = security.get("capabilities") or {}
        hooks: Tree = one.get("lifecycle") or {}
        ports = {port["name"]: port["containerPort"] for port in one.get("ports") or () if "name" in port}
        user: int = security.get("runAsUser", mapped.user if mapped else 0)
        return Container(
            name=one["name"],
            image=image,
            sidecar=one.get("restartPolicy") == "Always",
            argv=tuple(expanded(word, environment) for word in argv),
            environment=tuple(environment.items()),
            directory=one.get("workingDir") or (mapped.workdir if mapped else "/"),
            user=user,
            group=security.get("runAsGroup", _primary_group(user)),
            groups=tuple(security.get("supplementalGroups") or ()),
            capabilities=_capabilities(changes),
            privileged=bool(security.get("privileged")),
            no_new_privileges=security.get("allowPrivilegeEscalation") is False,
            mounts=tuple(self._mount(mount, environment) for mount in one.get("volumeMounts") or ()),
            limits=_limits(one),
            ports=_tcp_ports(one),
            startup=probe(one.get("startupProbe"), ports),
            liveness=probe(one.get("livenessProbe"), ports),
            readiness=probe(one.get("readinessProbe"), ports),
            post_start=handler(hooks.get("postStart"), ports),
            pre_stop=handler(hooks.get("preStop"), ports),
            fault=_fault(one, argv, mapped) or _root_refused(security, user),
        )

    def _mount(self, mount: Tree, environment: Mapping[str, str]) -> Mount:
        if mount["name"] not in {volume["name"] for volume in self._spec.get("volumes") or ()}:
            raise MissingError(f"the pod has no volume {mount['name']!r}, which is mounted at {mount['mountPath']!r}")
        below: str = mount.get("subPath") or expanded(mount.get("subPathExpr") or "", environment)
        return Mount(
            volume=mount["name"], path=mount["mountPath"], sub_path=below, read_only=bool(mount.get("readOnly"))
        )

    def _tokens(self, containers: Sequence[Container]) -> tuple[TokenFile, ...]:
        volumes: Sequence[Tree] = self._spec.get("volumes") or ()
        readers = {
            volume["name"]: frozenset(c.user for c in containers if any(m.volume == volume["name"] for m in c.mounts))
            for volume in volumes
        }
        security: Tree = self._spec.get("securityContext") or {}
        return tuple(token_files(volumes, readers, security.get("fsGroup")))


def _fault(one: Tree, argv: Sequence[str], mapped: Image | None) -> tuple[str, str] | None:
    """Reason and message why a container cannot be started."""
    if not argv:
        return "ErrImagePull", _unmapped(one.get("image", ""))
    if not one.get("command") and (needs := lacking(mapped)):
        return "ErrImagePull", _not_installed(one.get("image", ""), needs)
    return None


def _root_refused(security: Tree, user: int) -> tuple[str, str] | None:
    """As kubelet: who must not be root is not started as root."""
    if user or not security.get("runAsNonRoot"):
        return None
    who = "runAsUser says root" if "runAsUser" in security else "its image runs as root"
    tip = "set 'runAsUser', or 'user' in the image map's entry (docs/guide/images.md)"
    return "CreateContainerConfigError", f"container has runAsNonRoot, and {who}; {tip}"


def _primary_group(user: int) -> int:
    """As the image's /etc/passwd says, which is the machine's."""
    try:
        return pwd.getpwuid(user).pw_gid
    except KeyError:
        return 0


def _limits(one: Tree) -> Limits:
    try:
        return limits_of(one)
    except ValueError as problem:
        raise MissingError(f"container {one['name']!r}: resources.limits: {problem}") from None


def _tcp_ports(one: Tree) -> tuple[int, ...]:
    listed: Sequence[Tree] = one.get("ports") or ()
    return tuple(port["containerPort"] for port in listed if port.get("protocol", "TCP") == "TCP")


def _argv(one: Tree, mapped: Image | None) -> tuple[str, ...]:
    """Kubernetes' rules: `command` replaces the entrypoint and the image's arguments, `args` the arguments."""
    command: Sequence[str] = one.get("command") or ()
    args: Sequence[str] = one.get("args") or ()
    if command:
        return (*command, *args)
    if mapped is None:
        return ()
    return (*mapped.entrypoint, *(args or mapped.args))


def _unmapped(image: str) -> str:
    return (
        f"no image is pulled, and no image map says which command {image!r} stands for; "
        "give the container a 'command', or write an entry (docs/guide/images.md)"
    )


def _not_installed(image: str, needs: Needs) -> str:
    programs = " or ".join(needs.one_of)
    return f"image {image!r} stands for {programs} of this machine, which is not installed; install {needs.package}"


def _capabilities(changes: Tree) -> tuple[str, ...]:
    dropped: Sequence[str] = changes.get("drop") or ()
    added: Sequence[str] = changes.get("add") or ()
    # Whoever has NET_RAW may set SO_MARK (socket(7), Linux 5.17), by which the only user's proxy is known.
    lacking = {*dropped, "NET_RAW"} if one_user() else {*dropped}
    kept: Iterable[str] = () if "ALL" in dropped else (one for one in DEFAULT_CAPABILITIES if one not in lacking)
    return (*kept, *(one.removeprefix("CAP_") for one in added))


def _interpreter_places() -> tuple[str, ...]:
    """Where this program lives: a checkout or an interpreter below a closed home would be out of a proxy's reach."""
    own = Path(__file__).resolve().parents[3]
    places = {sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent), str(own)}
    return tuple(sorted(places))
