"""Which EnvoyFilters, and which patches of them, are in force for a proxy.

Place:  model/traffic/envoy_filter → [compose/envoy_filters] → pipeline/scope, view/patches
Source: Istio, reference, "EnvoyFilter": the root namespace first, then the workload's; in each by priority, then the
        oldest first, then by name
"""

from meltemi.core.check.values import MAX_REGEX, regex_found
from meltemi.core.compose.attachments import Attached, Labels, attached, gateways_of, labels_asked
from meltemi.core.compose.inputs import age_of, keys, read_as
from meltemi.core.compose.mesh import mesh
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.proxy import PatchSet
from meltemi.core.model.traffic.envoy_filter import EnvoyFilter, ProxyMatch

GROUP = "networking.istio.io"
KIND = "EnvoyFilter"
VERSION = "ISTIO_VERSION"
"""Of a node's metadata."""


def envoy_filter(e: Engine, key: Key) -> EnvoyFilter | None:
    """The content of one EnvoyFilter."""
    found = read_as(e, key, EnvoyFilter)
    return found.spec if found else None


def filter_head(e: Engine, key: Key) -> Attached | None:
    """Where one EnvoyFilter holds."""
    found = read_as(e, key, EnvoyFilter)
    if found is None:
        return None
    spec = found.spec
    return Attached(
        key=key,
        order=(spec.priority, age_of(found)),
        selector=spec.workload_selector.labels if spec.workload_selector else (),
        gateways=gateways_of(spec.target_refs),
    )


def filter_heads(e: Engine) -> tuple[Attached, ...]:
    """All EnvoyFilters, in the order in which those of one namespace take effect."""
    found = (e.get(filter_head, key) for key in keys(e, GROUP, KIND))
    return tuple(sorted((h for h in found if h is not None), key=lambda h: h.order))


def filter_labels(e: Engine) -> frozenset[str]:
    """Labels of workloads that some EnvoyFilter asks for."""
    return labels_asked(e.get(filter_heads))


def filters_for(e: Engine, namespace: str, labels: Labels) -> tuple[Key, ...]:
    """The EnvoyFilters for a workload, in the order of their effect.

    `labels`: all of its labels, or those that `filter_labels` names.
    """
    return attached(e.get(filter_heads), namespace, labels, mesh(e).root_namespace)


def proxies_meant(e: Engine, key: Key) -> tuple[ProxyMatch | None, ...]:
    """What each patch of an EnvoyFilter asks of the proxy; nothing where no patch asks anything."""
    spec = e.get(envoy_filter, key)
    asked = tuple(one.match.proxy if one.match else None for one in spec.config_patches) if spec else ()
    return asked if any(asked) else ()


def filter_sets(
    e: Engine, namespace: str, labels: Labels, metadata: tuple[tuple[str, str], ...]
) -> tuple[PatchSet, ...]:
    """The EnvoyFilters for a proxy, with those of their patches that it is meant by."""
    found = (_meant(e.get(proxies_meant, key), key, dict(metadata)) for key in e.get(filters_for, namespace, labels))
    return tuple(one for one in found if one.only is None or one.only)


def _meant(asked: tuple[ProxyMatch | None, ...], key: Key, metadata: dict[str, str]) -> PatchSet:
    if not asked:
        return PatchSet(key=key)
    return PatchSet(key=key, only=tuple(i for i, one in enumerate(asked) if one is None or _is_meant(one, metadata)))


def _is_meant(asked: ProxyMatch, metadata: dict[str, str]) -> bool:
    version = metadata.get(VERSION, "")
    asks = asked.proxy_version and len(asked.proxy_version) <= MAX_REGEX
    if asks and not (version and regex_found(asked.proxy_version, version)):
        return False
    return all(metadata.get(name) == value for name, value in asked.metadata)
