"""What a pod's containers and volumes refer to: the pod itself, ConfigMaps, Secrets, the machine.

Place:  shell/runtime · used by podspec, pod_environment, pod_volumes
Source: Kubernetes, "Downward API", "Define Dependent Environment Variables".
"""

import base64
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from meltemi.core.node.quantity import quantity
from meltemi.core.node.settings import NodeSettings

Tree = Mapping[str, Any]
Lookup = Callable[[str, str], Tree | None]
"""(kind, name) → a ConfigMap or Secret of the pod's namespace; None where there is none."""

_REFERENCE = re.compile(r"\$(\$|\(([^()\s]+)\))")


class MissingError(Exception):
    """The pod names something (a ConfigMap, a key of one, a volume, a port) that does not exist."""


class PodValues:
    """One pod, with what it refers to."""

    def __init__(self, pod: Tree, address: str, *, settings: NodeSettings, lookup: Lookup) -> None:
        self._meta: Tree = pod["metadata"]
        self._spec: Tree = pod["spec"]
        self._address = address
        self._settings = settings
        self._lookup = lookup

    def key(self, kind: str, reference: Tree) -> str | None:
        """One value; None where it may be missing. Raises MissingError."""
        value = self.data(kind, reference).get(reference["key"])
        if value is None and not reference.get("optional"):
            raise MissingError(f"{kind} {reference.get('name')!r} has no key {reference['key']!r}")
        return None if value is None else value.decode(errors="replace")

    def data(self, kind: str, reference: Tree) -> dict[str, bytes]:
        """All values; none where the object may be missing. Raises MissingError."""
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

    def field(self, path: str) -> str:
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

    def resource(self, reference: Tree, container: Tree) -> int:
        """What a container's limits or requests say; where nothing, what the machine has."""
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


def expanded(text: str, environment: Mapping[str, str]) -> str:
    """`$(NAME)` replaced where NAME is known, `$$` a dollar."""

    def one(found: re.Match[str]) -> str:
        return "$" if found[1] == "$" else environment.get(found[2], found[0])

    return _REFERENCE.sub(one, text)


def _of_machine(kind: str) -> int:
    if kind == "cpu":
        return os.cpu_count() or 1
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
