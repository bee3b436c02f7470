"""The ProxyConfig of one pod: the mesh's default, under the pod's own annotation, under what selects the pod.

Place:  inject · annotations → [proxy_config] → sidecar | gateway; the agent reads it as PROXY_CONFIG
Source: Istio, mesh.istio.io v1alpha1, message ProxyConfig
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import yaml

from meltemi.core.inject.annotations import BAD_VALUE, NO_EFFECT, PROXY_CONFIG
from meltemi.core.model.document import Key, Path
from meltemi.core.model.finding import Finding, Severity

EFFECTIVE = frozenset(
    {
        "concurrency",
        "configPath",
        "fileFlushInterval",
        "fileFlushMinSizeKb",
        "gatewayTopology",
        "holdApplicationUntilProxyStarts",
        "interceptionMode",
        "proxyHeaders",
        "proxyMetadata",
        "runtimeValues",
        "proxyStatsMatcher",
        "statusPort",
        "terminationDrainDuration",
        "drainDuration",
        "image",
        "serviceCluster",
    }
)
"""Fields that the injector, the agent or the control plane reads."""

PLAIN = "default"
VARIANTS = ("debug", "distroless")
"""Variants that an image's tag may name already."""

METADATA_WITHOUT_EFFECT = {
    "ISTIO_META_DNS_AUTO_ALLOCATE": "ServiceEntries without addresses have some where names are captured; the label "
    "'networking.istio.io/enable-autoallocate-ip: \"false\"' turns one off",
}
CAPTURE = "ISTIO_META_DNS_CAPTURE"
"""Whether the mesh answers the workload's questions for names."""


def captures_names(proxy: Mapping[str, Any]) -> bool:
    """Whether a pod's settings say so."""
    metadata = cast("Mapping[str, object]", proxy.get("proxyMetadata") or {})
    return str(metadata.get(CAPTURE, "")).lower() == "true"


def read(text: str, key: Key) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """The annotation's YAML as a mapping, and what is wrong with it. A mapping with errors is empty."""
    path = Path(f"metadata.annotations[{PROXY_CONFIG}]")
    try:
        value: object = yaml.safe_load(text) if text.strip() else {}
    except yaml.YAMLError as e:
        return {}, (_error(key, path, f"annotation '{PROXY_CONFIG}' is not YAML: {' '.join(str(e).split())}"),)
    if not isinstance(value, dict):
        return {}, (_error(key, path, f"annotation '{PROXY_CONFIG}' is not a mapping"),)
    written = cast("dict[str, Any]", value)
    return written, tuple(_findings(written, key, path))


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of each layer over those before it; `proxyMetadata` is merged name by name, as Istio does."""
    both: dict[str, Any] = {name: value for layer in layers for name, value in layer.items()}
    maps = (cast("dict[str, str]", layer.get("proxyMetadata") or {}) for layer in layers)
    metadata = {name: value for one in maps for name, value in one.items()}
    return {**both, "proxyMetadata": metadata} if metadata else both


def image_of(image: str, proxy: Mapping[str, Any]) -> str:
    """The proxy's image in the variant that is asked for: `name:tag-variant`, `name:variant` without a tag."""
    chosen: Mapping[str, Any] = proxy.get("image") or {}
    variant = str(chosen.get("imageType") or "")
    if variant in ("", PLAIN) or "@" in image:
        return image
    folder, slash, last = image.rpartition("/")
    name, _, tag = last.partition(":")
    for known in VARIANTS:
        tag = tag.removesuffix(f"-{known}")
    return f"{folder}{slash}{name}:{f'{tag}-' if tag else ''}{variant}"


def _findings(written: Mapping[str, Any], key: Key, path: Path) -> Iterator[Finding]:
    for name in written:
        if name not in EFFECTIVE:
            yield _warning(key, path, f"field '{name}' of annotation '{PROXY_CONFIG}' has no effect")
    for name, reason in METADATA_WITHOUT_EFFECT.items():
        if name in (written.get("proxyMetadata") or {}):
            yield _warning(key, path, f"'{name}' of annotation '{PROXY_CONFIG}' has no effect: {reason}")


def _error(key: Key, path: Path, message: str) -> Finding:
    return Finding(code=BAD_VALUE, severity=Severity.ERROR, key=key, path=path, message=message)


def _warning(key: Key, path: Path, message: str) -> Finding:
    return Finding(code=NO_EFFECT, severity=Severity.WARNING, key=key, path=path, message=message)
