"""A Pod as it is stored → what its sandbox is told.

Place:  shell/runtime · kubelet → [podspec] → STATE/pods/UID/spec.json
Source: Kubernetes, API reference, Pod v1; "Define Dependent Environment Variables"; containerd's default capabilities.
"""

import base64
import math
import os
import pwd
import re
import sys
import sysconfig
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from meltemi.core.model.units import Seconds
from meltemi.core.node.quantity import quantity
from meltemi.core.node.resolv import pod_resolv_conf
from meltemi.core.node.settings import NodeSettings
from meltemi.core.node.tokens import FIELD, TokenFile, token_files, unknown_sources
from meltemi.shell.runtime.images import Image, find
from meltemi.shell.runtime.pod_spec import Container, Handler, Mount, PodSpec, Probe, Volume
from meltemi.shell.runtime.tokens import VOLUMES
from meltemi.shell.users import one_user

Tree = Mapping[str, Any]
Lookup = Callable[[str, str], Tree | None]
"""(kind, name) → a ConfigMap or Secret of the pod's namespace; None where there is none."""

DEFAULT_CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
)  # fmt: skip
_SOURCES = ("configMap", "secret", "downwardAPI")
"""Of a volume's files, which do not change while the pod runs."""
_REFERENCE = re.compile(r"\$(\$|\(([^()\s]+)\))")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class MissingError(Exception):
    """The pod names something (a ConfigMap, a key of one, a volume, a port) that does not exist."""


class Translator:
    """One pod, with what it refers to."""

    def __init__(
        self, pod: Tree, address: str, *, settings: NodeSettings, state: Path, images: Sequence[Image], lookup: Lookup
    ) -> None:
        self._pod = pod
        self._meta: Tree = pod["metadata"]
        self._spec: Tree = pod["spec"]
        self._address = address
        self._settings = settings
        self._state = state
        self._images = images
        self._lookup = lookup

    def translate(self) -> PodSpec:
        """Everything looked up. Raises MissingError."""
        name: str = self._meta["name"]
        hostname: str = self._spec.get("hostname") or name[:63]
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
            volumes=tuple(self._volume(one) for one in self._spec.get("volumes") or ()),
            init=init,
            containers=containers,
            service_account=self._field("spec.serviceAccountName"),
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
        environment = self._environment(one, mapped)
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
            argv=tuple(_expanded(word, environment) for word in argv),
            environment=tuple(environment.items()),
            directory=one.get("workingDir") or (mapped.workdir if mapped else "/"),
            user=user,
            group=security.get("runAsGroup", _primary_group(user)),
            groups=tuple(security.get("supplementalGroups") or ()),
            capabilities=_capabilities(changes),
            privileged=bool(security.get("privileged")),
            no_new_privileges=security.get("allowPrivilegeEscalation") is False,
            mounts=tuple(self._mount(mount, environment) for mount in one.get("volumeMounts") or ()),
            ports=_tcp_ports(one),
            startup=_probe(one.get("startupProbe"), ports),
            liveness=_probe(one.get("livenessProbe"), ports),
            readiness=_probe(one.get("readinessProbe"), ports),
            post_start=_handler(hooks.get("postStart"), ports),
            pre_stop=_handler(hooks.get("preStop"), ports),
            fault=_fault(one, argv),
        )

    def _mount(self, mount: Tree, environment: Mapping[str, str]) -> Mount:
        if mount["name"] not in {volume["name"] for volume in self._spec.get("volumes") or ()}:
            raise MissingError(f"the pod has no volume {mount['name']!r}, which is mounted at {mount['mountPath']!r}")
        below: str = mount.get("subPath") or _expanded(mount.get("subPathExpr") or "", environment)
        return Mount(
            volume=mount["name"], path=mount["mountPath"], sub_path=below, read_only=bool(mount.get("readOnly"))
        )

    def _environment(self, one: Tree, mapped: Image | None) -> dict[str, str]:
        scripts = sysconfig.get_path("scripts")
        found = {"PATH": f"{scripts}:{_SYSTEM_PATH}", "HOSTNAME": self._meta["name"], "HOME": "/tmp"}  # noqa: S108  (the pod's own)
        found |= {"MELTEMI_STATE": str(self._state)} | (dict(mapped.env) if mapped else {})
        for source in one.get("envFrom") or ():
            found |= self._env_from(source)
        for entry in one.get("env") or ():
            value = self._value(entry, found, one)
            if value is not None:
                found[entry["name"]] = value
        return found

    def _env_from(self, source: Tree) -> dict[str, str]:
        prefix: str = source.get("prefix", "")
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if reference := source.get(field):
                data = self._data(kind, reference)
                return {prefix + name: value.decode(errors="replace") for name, value in data.items()}
        return {}

    def _value(self, entry: Tree, found: Mapping[str, str], container: Tree) -> str | None:
        source: Tree = entry.get("valueFrom") or {}
        if field := source.get("fieldRef"):
            return self._field(field["fieldPath"])
        if resource := source.get("resourceFieldRef"):
            return str(self._resource(resource, container))
        for name, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if reference := source.get(name):
                return self._key(kind, reference)
        return _expanded(entry.get("value") or "", found)

    def _key(self, kind: str, reference: Tree) -> str | None:
        value = self._data(kind, reference).get(reference["key"])
        if value is None and not reference.get("optional"):
            raise MissingError(f"{kind} {reference.get('name')!r} has no key {reference['key']!r}")
        return None if value is None else value.decode(errors="replace")

    def _data(self, kind: str, reference: Tree) -> dict[str, bytes]:
        name: str = reference.get("name") or reference.get("secretName") or ""
        tree = self._lookup(kind, name)
        if tree is None:
            if reference.get("optional"):
                return {}
            raise MissingError(f"{kind} {name!r} does not exist in namespace {self._meta['namespace']!r}")
        encoded: Tree = (tree.get("data") if kind == "Secret" else tree.get("binaryData")) or {}
        plain: Tree = (tree.get("stringData") if kind == "Secret" else tree.get("data")) or {}
        found = {key: base64.b64decode(value) for key, value in encoded.items()}
        return found | {key: str(value).encode() for key, value in plain.items()}

    def _field(self, path: str) -> str:
        """A field of the downward API."""
        if found := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
            pairs: Tree = self._meta.get(found[1]) or {}
            return str(pairs.get(found[2], ""))
        match path:
            case "metadata.labels" | "metadata.annotations":
                every: Tree = self._meta.get(path.partition(".")[2]) or {}
                return "\n".join(f'{name}="{value}"' for name, value in sorted(every.items()))
            case "metadata.name" | "metadata.namespace" | "metadata.uid":
                return str(self._meta.get(path.partition(".")[2], ""))
            case "spec.nodeName":
                return self._settings.node_name
            case "spec.serviceAccountName":
                return str(self._spec.get("serviceAccountName") or "default")
            case "status.podIP" | "status.podIPs":
                return self._address
            case "status.hostIP" | "status.hostIPs":
                return self._settings.node_ip
            case _:
                return ""

    def _resource(self, reference: Tree, container: Tree) -> int:
        """What a container's limits or requests say (they are not enforced); where nothing, what the machine has."""
        everyone: Sequence[Tree] = (*self._spec["containers"], *(self._spec.get("initContainers") or ()))
        named = reference.get("containerName") or container["name"]
        asked: Tree = next((one for one in everyone if one["name"] == named), container)
        bound, _, kind = str(reference["resource"]).partition(".")
        resources: Tree = asked.get("resources") or {}
        amounts: Tree = resources.get(bound) or {}
        said = amounts.get(kind)
        value = _of_machine(kind) if said is None else quantity(str(said))
        divisor = quantity(str(reference.get("divisor") or "1"))
        return math.ceil(value / (divisor or 1))

    # === volumes ===

    def _volume(self, one: Tree) -> Volume:
        name: str = one["name"]
        if host := one.get("hostPath"):
            return Volume(name=name, host_path=host["path"], create="OrCreate" in (host.get("type") or ""))
        files: list[tuple[str, bytes, int]] = []
        for field in _SOURCES:
            if source := one.get(field):
                files += self._files(field, source, source.get("defaultMode", 0o644))
        projected: Tree = one.get("projected") or {}
        if unknown := next(unknown_sources(projected, (*_SOURCES, FIELD)), ""):
            raise MissingError(f"volume {name!r}: nobody provides the projected source {unknown!r} here")
        for source in projected.get("sources") or ():
            for field in _SOURCES:
                if inner := source.get(field):
                    files += self._files(field, inner, projected.get("defaultMode", 0o644))
        outside = any(FIELD in source for source in projected.get("sources") or ())
        place = self._state / "pods" / self._meta["uid"] / VOLUMES / name
        return Volume(name=name, files=tuple(files), host_path=str(place) if outside else "", kept_outside=outside)

    def _tokens(self, containers: Sequence[Container]) -> tuple[TokenFile, ...]:
        volumes: Sequence[Tree] = self._spec.get("volumes") or ()
        readers = {
            volume["name"]: frozenset(c.user for c in containers if any(m.volume == volume["name"] for m in c.mounts))
            for volume in volumes
        }
        security: Tree = self._spec.get("securityContext") or {}
        return tuple(token_files(volumes, readers, security.get("fsGroup")))

    def _files(self, field: str, source: Tree, mode: int) -> list[tuple[str, bytes, int]]:
        items: Sequence[Tree] = source.get("items") or ()
        if field == "downwardAPI":
            fields = [(one, self._field(one["fieldRef"]["fieldPath"])) for one in items]
            return [(one["path"], text.encode(), one.get("mode", mode)) for one, text in fields]
        kind = "ConfigMap" if field == "configMap" else "Secret"
        data = self._data(kind, source)
        if not items:
            return [(name, content, mode) for name, content in data.items()]
        if absent := [one["key"] for one in items if one["key"] not in data and not source.get("optional")]:
            name: str = source.get("name") or source.get("secretName") or ""
            raise MissingError(f"{kind} {name!r} has no key {absent[0]!r}")
        return [(one["path"], data[one["key"]], one.get("mode", mode)) for one in items if one["key"] in data]


def _fault(one: Tree, argv: Sequence[str]) -> tuple[str, str] | None:
    """Reason and message why a container cannot be started."""
    return None if argv else ("ErrImagePull", _unmapped(one.get("image", "")))


def _primary_group(user: int) -> int:
    """As the image's /etc/passwd says, which is the machine's."""
    try:
        return pwd.getpwuid(user).pw_gid
    except KeyError:
        return 0


def _of_machine(kind: str) -> int:
    if kind == "cpu":
        return os.cpu_count() or 1
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


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


def _capabilities(changes: Tree) -> tuple[str, ...]:
    dropped: Sequence[str] = changes.get("drop") or ()
    added: Sequence[str] = changes.get("add") or ()
    # Whoever has NET_RAW may set SO_MARK (socket(7), Linux 5.17), by which the only user's proxy is known.
    lacking = {*dropped, "NET_RAW"} if one_user() else {*dropped}
    kept: Iterable[str] = () if "ALL" in dropped else (one for one in DEFAULT_CAPABILITIES if one not in lacking)
    return (*kept, *(one.removeprefix("CAP_") for one in added))


def _probe(tree: Tree | None, ports: Mapping[str, int]) -> Probe | None:
    handler = _handler(tree, ports)
    if tree is None or handler is None:
        return None
    return Probe(
        handler=handler,
        initial_delay=Seconds(tree.get("initialDelaySeconds", 0)),
        period=Seconds(tree.get("periodSeconds", 10)),
        timeout=Seconds(tree.get("timeoutSeconds", 1)),
        success=tree.get("successThreshold", 1),
        failure=tree.get("failureThreshold", 3),
    )


def _handler(tree: Tree | None, ports: Mapping[str, int]) -> Handler | None:
    tree = tree or {}
    if program := tree.get("exec"):
        return Handler(exec=tuple(program["command"]))
    if http := tree.get("httpGet"):
        headers = tuple((one["name"], one["value"]) for one in http.get("httpHeaders") or ())
        path: str = http.get("path") or "/"
        return Handler(
            http_path=path if path.startswith("/") else f"/{path}",
            http_host=http.get("host", ""),
            https=http.get("scheme", "HTTP").upper() == "HTTPS",
            headers=headers,
            port=_port(http["port"], ports),
        )
    if tcp := tree.get("tcpSocket"):
        return Handler(http_host=tcp.get("host", ""), port=_port(tcp["port"], ports))
    if grpc := tree.get("grpc"):
        return Handler(port=grpc["port"], grpc_service=grpc.get("service") or "")
    if sleep := tree.get("sleep"):
        return Handler(sleep=Seconds(sleep["seconds"]))
    return None


def _port(said: int | str, ports: Mapping[str, int]) -> int:
    if isinstance(said, int):
        return said
    if said in ports:
        return ports[said]
    if not said.isdecimal():
        raise MissingError(f"the container has no port {said!r}")
    return int(said)


def _expanded(text: str, environment: Mapping[str, str]) -> str:
    """`$(NAME)` replaced where NAME is known, `$$` a dollar."""

    def one(found: re.Match[str]) -> str:
        return "$" if found[1] == "$" else environment.get(found[2], found[0])

    return _REFERENCE.sub(one, text)


def _interpreter_places() -> tuple[str, ...]:
    """Where this program lives: a checkout or an interpreter below a closed home would be out of a proxy's reach."""
    own = Path(__file__).resolve().parents[3]
    places = {sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent), str(own)}
    return tuple(sorted(places))
