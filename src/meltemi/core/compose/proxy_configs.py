"""The ProxyConfigs that speak for the pods of a namespace, in layers.

Place:  model/traffic/proxy_config, model/mesh → [compose/proxy_configs] → apps/injection → core/inject
Source: Istio, "ProxyConfig": the mesh's `defaultConfig`, the root namespace, the namespace, the pod's annotation, then
        what selects the pod; in each layer the oldest document is in force. Istio has the annotation under what
        selects the pod, against what its page says; so have we
"""

from collections.abc import Iterable, Mapping
from typing import Any

from meltemi.core.compose.attachments import Labels
from meltemi.core.compose.inputs import Age, age_of, keys, read_as
from meltemi.core.compose.mesh import mesh
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.traffic.proxy_config import ProxyConfig
from meltemi.core.model.value import Value

GROUP, KIND = "networking.istio.io", "ProxyConfig"


class Standing(Value, frozen=True, kw_only=True):
    """Where one ProxyConfig holds."""

    key: Key
    age: Age
    selector: Labels | None
    """None: for its whole namespace, or for the mesh. Empty: for nobody."""


class Layers(Value, frozen=True, kw_only=True):
    """The documents for one pod, each layer over the one before."""

    wide: tuple[Key, ...] = ()
    """Of the mesh, then of the namespace: under the pod's own annotation."""
    own: Key | None = None
    """What selects the pod: over its annotation."""


def proxy_config(e: Engine, key: Key) -> ProxyConfig | None:
    """The content of one ProxyConfig."""
    found = read_as(e, key, ProxyConfig)
    return found.spec if found else None


def standing(e: Engine, key: Key) -> Standing | None:
    """Where one ProxyConfig holds; stands between its content and who is meant."""
    found = read_as(e, key, ProxyConfig)
    if found is None:
        return None
    selector = found.spec.selector.match_labels if found.spec.selector else None
    return Standing(key=key, age=age_of(found), selector=selector)


def all_standing(e: Engine) -> tuple[Standing, ...]:
    """All ProxyConfigs, the oldest first."""
    found = (e.get(standing, key) for key in keys(e, GROUP, KIND))
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.age))


def layers(e: Engine, namespace: str, labels: Labels) -> Layers:
    """The documents for a pod. `labels`: all of its labels."""
    known, root = e.get(all_standing), mesh(e).root_namespace
    spaces = dict.fromkeys((root, namespace))
    wide = (_first(one for one in known if one.key.namespace == space and one.selector is None) for space in spaces)
    own = _first(
        one for one in known if one.key.namespace == namespace and one.selector and set(one.selector) <= set(labels)
    )
    return Layers(wide=tuple(key for key in wide if key is not None), own=own)


def _first(found: Iterable[Standing]) -> Key | None:
    return next((one.key for one in found), None)


def as_fields(written: ProxyConfig) -> Mapping[str, Any]:
    """The document in the words of the mesh's own ProxyConfig message, which agents read."""
    fields = {
        "concurrency": written.concurrency,
        "proxyMetadata": dict(written.environment_variables) or None,
        "image": {"imageType": written.image.image_type} if written.image and written.image.image_type else None,
    }
    return {name: value for name, value in fields.items() if value is not None}
