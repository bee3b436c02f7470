"""Clusters: how the endpoints of one port of one subset are found, picked and connected to.

Place:  compose/registry, view/{traffic_policy,load_balancer,connection_pool,outlier,upstream_tls} → [view/cluster]
        → envoy/cluster, pipeline/clusters
Source: Istio, "Destination Rule"

A cluster depends on documents, not on who asks: scopes with the same rules share it.
"""

from enum import StrEnum

from msgspec import structs

from meltemi.core.compose.destination_rules import rule_head
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.registry import port_of, service
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Origin
from meltemi.core.model.mesh import InboundMode, MeshConfig, MeshH2UpgradePolicy
from meltemi.core.model.registry.service import Endpoint, Resolution, Service
from meltemi.core.model.traffic.destination_rule import ClientTLSMode, ProxyProtocolVersion, SimpleLB
from meltemi.core.model.units import PortNumber, Seconds
from meltemi.core.model.value import Value
from meltemi.core.view.connection_pool import Http, Pool, effective_pool
from meltemi.core.view.endpoints import NOWHERE, Group, assignment, preference
from meltemi.core.view.inbound_ports import Delivery
from meltemi.core.view.latency import weighs
from meltemi.core.view.load_balancer import Balancer, Pick, effective_balancer
from meltemi.core.view.mesh_tls import all_take_tls, identities, inner_protocol, workload_client
from meltemi.core.view.names import (
    BLACK_HOLE_CLUSTER,
    INBOUND_PASSTHROUGH_CLUSTER,
    PASSTHROUGH_CLUSTER,
    server_name,
)
from meltemi.core.view.outlier import Outlier, effective_outlier, panic_percent
from meltemi.core.view.stat_name import stat_name
from meltemi.core.view.traffic_policy import Aim, Policy, policy_for
from meltemi.core.view.upstream_tls import ClientTLS, effective_tls

UNIX = "unix://"
_AS_CALLED = ("0.0.0.0", "[::]")
LOOPBACK = "127.0.0.6"
"""Source of connections to the own workload: interception lets what comes from here pass. Source: Istio."""


class Discovery(StrEnum):
    """How endpoints are found: Envoy's names."""

    EDS = "EDS"
    STRICT_DNS = "STRICT_DNS"
    LOGICAL_DNS = "LOGICAL_DNS"
    ORIGINAL_DST = "ORIGINAL_DST"
    DYNAMIC = "DYNAMIC"
    """The host that the caller names; no type of Envoy's but an extension."""
    STATIC = "STATIC"


class Cluster(Value, frozen=True, kw_only=True):
    """A cluster, settled."""

    name: str
    stat_name: str = ""
    """What its metrics are called; empty: as itself."""
    discovery: Discovery
    pool: Pool
    balancer: Balancer = Balancer()
    outlier: Outlier | None = None
    tls: ClientTLS | None = None
    mutual: ClientTLS | None = None
    """Instead of `tls`: towards those endpoints only that say that they accept it; plain text to the others."""
    announces: ProxyProtocolVersion | None = None
    """A PROXY header of this version is the first that endpoints read, before any TLS."""
    groups: tuple[Group, ...] = ()
    """Endpoints of clusters that ask DNS; those of others come by themselves."""
    dns_refresh: Seconds = Seconds(60)
    source: str = ""
    """Address to connect from."""
    port: int = 0
    """Instead of the port of the original destination."""
    through: str = ""
    """A listener inside of Envoy that connections go through (view/plain)."""
    watched: int | None = None
    """The port (0: all that no service names) of which plain callers are cut off as soon as they are not served."""
    host: str = ""
    subset: str = ""
    service: str = ""
    """`namespace/name`, for telemetry."""
    origin: tuple[Origin, ...] = ()


def discovery(e: Engine, aim: Aim, gateway: bool) -> Discovery:
    """How the endpoints of a cluster are found. A gateway knows no original destination: it is called itself."""
    found = e.get(service, aim.host)
    if found is None:
        return Discovery.STATIC
    if found.resolution is Resolution.DYNAMIC:
        return Discovery.DYNAMIC
    policy = e.get(policy_for, aim)
    balancer = policy.load_balancer
    as_asked = balancer is not None and balancer.consistent_hash is None and balancer.simple is SimpleLB.PASSTHROUGH
    if found.resolution is Resolution.PASSTHROUGH:
        return Discovery.EDS if gateway else Discovery.ORIGINAL_DST
    if as_asked and not gateway:
        return Discovery.ORIGINAL_DST
    if found.resolution is Resolution.EDS:
        return Discovery.EDS
    if found.resolution is Resolution.DNS_ROUND_ROBIN and _single(e.get(assignment, aim, NOWHERE)):
        return Discovery.LOGICAL_DNS
    return Discovery.STRICT_DNS


def _single(groups: tuple[Group, ...]) -> bool:
    """Envoy's LOGICAL_DNS takes exactly one name."""
    return sum(len(g.endpoints) for g in groups) == 1


def outbound_cluster(e: Engine, aim: Aim, gateway: bool) -> Cluster | None:
    """One cluster; None where the service has no such port any more."""
    found = e.get(service, aim.host)
    written = e.get(port_of, aim.host, aim.port)
    if found is None or written is None:
        return None
    kind = e.get(discovery, aim, gateway)
    policy = e.get(policy_for, aim)
    settings = mesh(e)
    pool = effective_pool(policy.connection_pool, settings, written.protocol, gateway=gateway)
    pool = structs.replace(pool, budget=policy.retry_budget)
    by_name = kind in (Discovery.STRICT_DNS, Discovery.LOGICAL_DNS)
    tls, mutual = _tls(e, aim, policy, kind, pool.http, by_secret=gateway or _selects(e, aim))
    return Cluster(
        name=aim.cluster,
        stat_name=stat_name(settings.outbound_cluster_stat_name, found, written, subset=aim.subset),
        discovery=kind,
        pool=pool,
        balancer=_balancer(e, aim, policy, kind),
        outlier=effective_outlier(policy.outlier_detection),
        tls=tls,
        mutual=mutual,
        announces=policy.proxy_protocol.version if policy.proxy_protocol else None,
        groups=e.get(assignment, aim, NOWHERE) if by_name else (),
        dns_refresh=settings.dns_refresh_rate,
        host=aim.host,
        subset=aim.subset,
        service=f"{found.namespace}/{found.name}",
        origin=_origins(policy, found),
    )


def _selects(e: Engine, aim: Aim) -> bool:
    """Whether the rules are for some clients only; rules that are merged have one selector."""
    return any(head.selector for key in aim.rules if (head := e.get(rule_head, key)))


def _tls(
    e: Engine, aim: Aim, policy: Policy, kind: Discovery, http: Http, *, by_secret: bool
) -> tuple[ClientTLS | None, ClientTLS | None]:
    """(TLS to all endpoints, mutual TLS to those that accept it): what is written, else what the mesh does itself."""
    settings, written = mesh(e), policy.tls
    if written is not None and not by_secret:
        written = structs.replace(written, credential_name="")
    found, port = e.get(service, aim.host), e.get(port_of, aim.host, aim.port)
    if written is not None and written.mode is not ClientTLSMode.ISTIO_MUTUAL:
        names = found.subject_alt_names if found else ()
        return effective_tls(written, http=http, names=names, defaults=settings.tls_defaults), None
    if found is None or port is None or (written is None and (found.mesh_external or not settings.enable_auto_mtls)):
        return None, None
    own = workload_client(
        settings,
        (written.subject_alt_names if written else ()) or e.get(identities, aim.host, aim.port),
        sni=(written.sni if written else "") or server_name(aim.port, aim.subset, aim.host),
        alpn=inner_protocol(port.protocol, http),
    )
    if written is not None:
        return own, None
    if kind is Discovery.ORIGINAL_DST:  # Envoy knows nothing of such an endpoint but its address
        return (own if e.get(all_take_tls, aim.host, aim.port) else None), None
    return None, own


def _origins(policy: Policy, found: Service) -> tuple[Origin, ...]:
    return (*policy.origins, found.origin)


def _balancer(e: Engine, aim: Aim, policy: Policy, kind: Discovery) -> Balancer:
    if kind in (Discovery.ORIGINAL_DST, Discovery.DYNAMIC):
        return Balancer(pick=Pick.ORIGINAL)
    by_locality = e.get(preference, aim) is not None
    settled = effective_balancer(
        policy.load_balancer, panic=panic_percent(policy.outlier_detection), by_locality=by_locality
    )
    if settled.pick is Pick.ORIGINAL:
        return Balancer(panic=settled.panic, by_locality=settled.by_locality)
    return structs.replace(settled, by_latency=e.get(weighs, aim))


def in_letters(settled: Cluster, *, keeps_case: bool) -> Cluster:
    """A cluster of a proxy that keeps the letters of headers, or does not."""
    return structs.replace(settled, pool=structs.replace(settled.pool, keeps_case=keeps_case))


def passthrough(settings: MeshConfig) -> Cluster:
    """To where the client wanted to go."""
    return _as_asked(PASSTHROUGH_CLUSTER, _plain_pool(settings), source="")


def black_hole(settings: MeshConfig) -> Cluster:
    """Nowhere."""
    return Cluster(
        name=BLACK_HOLE_CLUSTER, discovery=Discovery.STATIC, pool=Pool(connect_timeout=settings.connect_timeout)
    )


def inbound_passthrough(settings: MeshConfig) -> Cluster:
    """To the own workload, on a port that no service names."""
    return _as_asked(INBOUND_PASSTHROUGH_CLUSTER, _plain_pool(settings), source=LOOPBACK)


def inbound_cluster(settings: MeshConfig, to: Delivery) -> Cluster:
    """To the own workload, on a port that a service or a Sidecar names.

    Source: Istio, IstioIngressListener.defaultEndpoint: `0.0.0.0:PORT` is the address that was called, at another port.
    """
    # What the mesh upgrades on the way, the application still gets as its port says.
    own = structs.replace(settings, h2_upgrade_policy=MeshH2UpgradePolicy.DO_NOT_UPGRADE)
    pool = effective_pool(to.pool, own, to.protocol)
    host, _, port = to.endpoint.rpartition(":")
    if host in _AS_CALLED or (not to.endpoint and settings.inbound_traffic_policy.mode is InboundMode.PASSTHROUGH):
        asked = _as_asked(to.cluster, pool, source=LOOPBACK, port=int(port or 0))
        return structs.replace(asked, stat_name=to.stat_name)
    groups = (Group(locality="", endpoints=(_own_endpoint(to),)),)
    return Cluster(name=to.cluster, stat_name=to.stat_name, discovery=Discovery.STATIC, pool=pool, groups=groups)


def _own_endpoint(to: Delivery) -> Endpoint:
    if to.endpoint.startswith(UNIX):
        return Endpoint(address=to.endpoint, port=PortNumber(0))
    host, _, port = to.endpoint.rpartition(":")
    return Endpoint(address=host.strip("[]") or "127.0.0.1", port=PortNumber(int(port or to.target)))


def _as_asked(name: str, pool: Pool, *, source: str, port: int = 0) -> Cluster:
    return Cluster(
        name=name,
        discovery=Discovery.ORIGINAL_DST,
        balancer=Balancer(pick=Pick.ORIGINAL),
        pool=pool,
        source=source,
        port=port,
    )


def _plain_pool(settings: MeshConfig) -> Pool:
    return Pool(connect_timeout=settings.connect_timeout, keepalive=settings.tcp_keepalive, http=Http.CLIENT)
