"""The environment of a pod's containers.

Place:  shell/runtime · pod_values → [pod_environment] → podspec
"""

import sysconfig
from collections.abc import Mapping
from pathlib import Path

from meltemi.shell.runtime.images import Image
from meltemi.shell.runtime.pod_values import PodValues, Tree, expanded

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment_of(one: Tree, mapped: Image | None, *, name: str, state: Path, values: PodValues) -> dict[str, str]:
    """Name → value, the image's own first. Raises MissingError."""
    scripts = sysconfig.get_path("scripts")
    found = {"PATH": f"{scripts}:{_SYSTEM_PATH}", "HOSTNAME": name, "HOME": "/tmp"}  # noqa: S108  (the pod's own)
    found |= {"MELTEMI_STATE": str(state)} | (dict(mapped.env) if mapped else {})
    for source in one.get("envFrom") or ():
        found |= _env_from(source, values)
    for entry in one.get("env") or ():
        value = _value(entry, found, one, values)
        if value is not None:
            found[entry["name"]] = value
    return found


def _env_from(source: Tree, values: PodValues) -> dict[str, str]:
    prefix: str = source.get("prefix", "")
    for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
        if reference := source.get(field):
            data = values.data(kind, reference)
            return {prefix + name: value.decode(errors="replace") for name, value in data.items()}
    return {}


def _value(entry: Tree, found: Mapping[str, str], container: Tree, values: PodValues) -> str | None:
    source: Tree = entry.get("valueFrom") or {}
    if field := source.get("fieldRef"):
        return values.field(field["fieldPath"])
    if resource := source.get("resourceFieldRef"):
        return str(values.resource(resource, container))
    for word, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if reference := source.get(word):
            return values.key(kind, reference)
    return expanded(entry.get("value") or "", found)
