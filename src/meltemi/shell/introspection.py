"""What the control plane knows, as plain data for whoever looks for a fault.

Place:  engine, shell/publish → [introspection] → servers/api/introspection
Source: Istio, "pilot-discovery", debug pages; the pages are called alike and hold what this control plane has for them.
"""

from collections import Counter
from typing import Any

from envoy.config.endpoint.v3 import endpoint_pb2
from google.protobuf import json_format
from msgspec import structs

from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.registry import endpoints, hosts, service
from meltemi.core.engine.engine import Engine
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.proxy import ISTIO_VERSION
from meltemi.core.model.registry.service import Service
from meltemi.core.model.resource import ResourceType
from meltemi.shell.measures import TYPES
from meltemi.shell.publish import Publisher
from meltemi.shell.session import Session

_SYNCED = {
    ResourceType.CLUSTER: "cluster",
    ResourceType.LISTENER: "listener",
    ResourceType.ROUTES: "route",
    ResourceType.ENDPOINTS: "endpoint",
    ResourceType.EXTENSION: "extensionconfig",
}
"""As Istio's page names the types."""


class Introspection:
    """A method for each page."""

    def __init__(self, engine: Engine, publisher: Publisher) -> None:
        self._engine = engine
        self._publisher = publisher

    def syncz(self) -> list[dict[str, Any]]:
        """Of each proxy the version of every type that it was sent, and that it has answered for."""
        return [_synced(one) for one in self._publisher.sessions()]

    def connections(self) -> dict[str, Any]:
        """Who is connected."""
        found = [
            {"connectionId": s.proxy.id, "address": ",".join(s.proxy.addresses)} for s in self._publisher.sessions()
        ]
        return {"totalClients": len(found), "clients": found}

    def adsz(self) -> dict[str, Any]:
        """Who is connected, and of what he is told."""
        found = [
            {"connectionId": one.proxy.id, "address": ",".join(one.proxy.addresses), "labels": dict(one.proxy.labels),
             "watches": {name: sorted(one.holder.offer.of(kind)) for kind, name in TYPES.items()}}
            for one in self._publisher.sessions()
        ]  # fmt: skip
        return {"totalClients": len(found), "clients": found}

    def push_status(self) -> dict[str, Any]:
        """How far the proxies are: what is settled, and who owes an answer since which revision."""
        revision, connected, _ = self._publisher.progress()
        owing = {one.proxy.id: one.told for one in self._publisher.sessions() if not one.current()}
        return {"revision": revision, "connected": connected, "owing": owing}

    def edsz(self, proxy: str) -> list[dict[str, Any]] | None:
        """The endpoints that one proxy is offered, as Envoy reads them; None for a proxy that is not connected."""
        session = self._session(proxy)
        if session is None:
            return None
        offered = session.holder.offer.of(ResourceType.ENDPOINTS).values()
        return [json_format.MessageToDict(endpoint_pb2.ClusterLoadAssignment.FromString(one.body)) for one in offered]

    def mesh(self) -> MeshConfig:
        """The mesh's settings in force."""
        return mesh(self._engine)

    def ready(self) -> bool:
        """Whether proxies are answered."""
        return self._publisher.ready

    def _session(self, proxy: str) -> Session | None:
        return next((one for one in self._publisher.sessions() if one.proxy.id == proxy), None)

    def config_dump(self, proxy: str) -> dict[str, Any] | None:
        """What one proxy is offered, and what it holds of it; None for a proxy that is not connected."""
        session = self._session(proxy)
        if session is None:
            return None
        return {"proxy": proxy, "scope": structs.asdict(session.holder.scope), "types": {
            name: _offered(session, kind) for kind, name in TYPES.items()
        }}  # fmt: skip

    def registryz(self) -> list[Service]:
        """Every service, merged over all documents that speak of it."""
        found = (self._engine.get(service, host) for host in self._engine.get(hosts))
        return [one for one in found if one is not None]

    def endpointz(self) -> list[dict[str, Any]]:
        """What answers every port of every service."""
        return [
            {"svc": f"{one.host}:{port.name or port.number}", "ep": self._engine.get(endpoints, one.host, port.number)}
            for one in self.registryz()
            for port in one.ports
        ]

    def cachez(self) -> dict[str, Any]:
        """How much the engine remembers, and which functions ran how often since the start."""
        runs: Counter[str] = self._engine.runs
        return {"cells": len(self._engine), "runs": dict(runs.most_common())}


def _synced(session: Session) -> dict[str, Any]:
    told: dict[str, Any] = {
        "proxy": session.proxy.id, "proxy_type": str(session.proxy.role), "istio_version": ISTIO_VERSION,
    }  # fmt: skip
    for kind, name in _SYNCED.items():
        offered, held = session.holder.offer.of(kind), session.stream.held(kind)
        told[f"{name}_sent"] = len(offered)
        told[f"{name}_acked"] = sum(held.get(one.name) == one.version for one in offered.values())
    return told


def _offered(session: Session, kind: ResourceType) -> list[dict[str, Any]]:
    held = session.stream.held(kind)
    return [
        {"name": one.name, "version": one.version, "bytes": len(one.body), "held": held.get(one.name)}
        for one in session.holder.offer.of(kind).values()
    ]
