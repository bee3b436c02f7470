"""The ProxyConfig of one pod: the mesh's default under the pod's own annotation.

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
        "holdApplicationUntilProxyStarts",
        "interceptionMode",
        "proxyMetadata",
        "proxyStatsMatcher",
        "statusPort",
        "terminationDrainDuration",
        "drainDuration",
        "serviceCluster",
    }
)
"""Fields that the injector or the agent reads."""

METADATA_WITHOUT_EFFECT = {
    "ISTIO_META_DNS_CAPTURE": "names are answered by the resolver of the pod",
    "ISTIO_META_DNS_AUTO_ALLOCATE": "names are answered by the resolver of the pod",
}


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


def merged(default: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The pod's fields over the mesh's; `proxyMetadata` is merged name by name, as Istio does."""
    both = {**default, **own}
    metadata: dict[str, str] = {**(default.get("proxyMetadata") or {}), **(own.get("proxyMetadata") or {})}
    return {**both, "proxyMetadata": metadata} if metadata else both


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
