"""What is counted when `/metrics` is read: how much there is of everything, under Istio's names.

Place:  apps · engine, shell/publish → [gauges] → shell/measures
"""

from collections import Counter
from typing import cast

from meltemi.core.compose.registry import hosts
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key
from meltemi.core.model.kube.endpoints import EndpointSlice
from meltemi.core.model.resource import ResourceType
from meltemi.shell.measures import TYPES, Measures
from meltemi.shell.publish import Publisher

_REFUSED = (ResourceType.CLUSTER, ResourceType.ENDPOINTS, ResourceType.LISTENER, ResourceType.ROUTES)


def add_gauges(measures: Measures, engine: Engine, publisher: Publisher) -> None:
    """All of them."""
    measures.gauge("pilot_services", "Hosts that can be called.", lambda: len(engine.get(hosts)))
    measures.gauge(
        "pilot_virt_services", "VirtualServices in force.",
        lambda: len(_keys(engine, "networking.istio.io", "VirtualService")),
    )  # fmt: skip
    measures.gauge("pilot_endpoint_not_ready", "Endpoints that are not ready.", lambda: _not_ready(engine))
    for kind in _REFUSED:
        _refused(measures, publisher, kind)


def _refused(measures: Measures, publisher: Publisher, kind: ResourceType) -> None:
    def count() -> dict[str, float]:
        found: Counter[str] = Counter()
        for session in publisher.sessions():
            refused = sum(one.resource.type is kind for one in session.refused())
            if refused:
                found[session.proxy.id] += refused
        return dict(found)

    measures.gauges(f"pilot_xds_{TYPES[kind]}_reject", "Resources that a proxy refuses now.", "node", count)


def _not_ready(engine: Engine) -> int:
    found = 0
    for key in _keys(engine, "discovery.k8s.io", "EndpointSlice"):
        document = cast("Document[EndpointSlice] | None", engine.read(("doc", key)))
        if document is not None:
            found += sum(one.conditions.ready is False for one in document.spec.endpoints)
    return found


def _keys(engine: Engine, group: str, kind: str) -> frozenset[Key]:
    return cast("frozenset[Key] | None", engine.read(("docs", group, kind))) or frozenset()
