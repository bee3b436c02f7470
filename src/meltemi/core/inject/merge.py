"""What a pod says of its proxy's container, laid over the template.

Place:  inject · containers → [merge] → inject
Source: Kubernetes, strategic merge: lists of containers' env, ports and volumeMounts are merged by their keys, other
        lists and all scalars are replaced.
"""

from collections.abc import Mapping
from typing import Any, cast

from meltemi.core.inject.probes import Pod

AUTO = "auto"
"""The image that stands for the mesh's own."""
_KEYS = {"env": "name", "ports": "containerPort", "volumeMounts": "mountPath", "volumeDevices": "devicePath"}
_REPLACED = frozenset({"readinessProbe", "livenessProbe", "startupProbe", "resources"})
"""Taken whole where the pod gives them: half of one probe and half of another make no sense."""


def merge_container(template: Pod, own: Pod | None) -> Pod:
    """The template with the pod's own fields over it."""
    merged = dict(template)
    for field, value in (own or {}).items():
        if field == "image" and value == AUTO:
            continue
        merged[field] = _field(field, template.get(field), value)
    return merged


def _field(field: str, base: object, own: Any) -> object:
    if field in _KEYS and isinstance(base, list):
        return _by_key(cast("list[Pod]", base), own or [], _KEYS[field])
    if isinstance(base, dict) and isinstance(own, dict) and field not in _REPLACED:
        return _maps(cast("Pod", base), cast("Pod", own))
    return cast("object", own)


def _by_key(base: list[Pod], own: list[Pod], key: str) -> list[Pod]:
    named = {item[key]: item for item in own}
    kept = [named.pop(item[key], item) for item in base]
    return [*kept, *named.values()]


def _maps(base: Mapping[str, Any], own: Mapping[str, Any]) -> Pod:
    return {**base, **{k: _field("", base.get(k), v) for k, v in own.items()}}
