"""Mutual TLS between workloads: whose names are believed, and how what is spoken inside is told.

Place:  compose/registry, model/mesh → [view/mesh_tls] → view/{cluster,inbound,gateway,route}
Source: SPIFFE, "X.509-SVID"; Istio, MeshConfig.meshMTLS

The client names what it speaks by ALPN, for the server's listener to choose a chain; the server picks none of the
names, and finds HTTP/2 by its preface: to agree on a name that is no HTTP version would make Envoy speak HTTP/1.
"""

from meltemi.core.compose.destination_rules import rules_for
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.registry import endpoints, port_of, service
from meltemi.core.engine.engine import Engine
from meltemi.core.model.mesh import MeshConfig, TLSProtocol
from meltemi.core.model.registry.service import AppProtocol
from meltemi.core.model.traffic.destination_rule import ClientTLSMode
from meltemi.core.view.connection_pool import Http
from meltemi.core.view.destination import Target
from meltemi.core.view.listener import ServerTLS
from meltemi.core.view.traffic_policy import Aim, policy_for
from meltemi.core.view.upstream_tls import ClientTLS

CERTIFICATE, AUTHORITIES = "default", "ROOTCA"
"""Secrets with the workload's own certificate and with the mesh's authorities, as Istio's agents call them."""

OFFERED = "istio-%PROTOCOL%"
"""What a route offers where its cluster cannot say it: the port is undeclared, and takes requests and bytes alike."""
SPEAKS_HTTP = ("istio-http/1.0", "istio-http/1.1", "istio-h2", "istio-HTTP/1.0", "istio-HTTP/1.1", "istio-HTTP/2")
SPEAKS_BYTES = ("istio-peer-exchange", "istio")
SPEAKS = (*SPEAKS_HTTP, *SPEAKS_BYTES)
"""Istio's ALPN names for what is inside, and what `OFFERED` becomes."""


def workload_tls(settings: MeshConfig) -> ServerTLS:
    """What a workload asks of callers that come by mutual TLS: an identity of the mesh."""
    return ServerTLS(
        secrets=(CERTIFICATE,),
        trusted_secret=AUTHORITIES,
        client_certificate=True,
        san_prefixes=trusted_prefixes(settings),
        min_version=_lowest(settings),
        max_version="TLSv1_3",
        ciphers=settings.mesh_mtls.cipher_suites,
        curves=settings.mesh_mtls.ecdh_curves,
        alpn=(),
    )


def workload_client(settings: MeshConfig, names: tuple[str, ...], *, sni: str, alpn: tuple[str, ...]) -> ClientTLS:
    """Mutual TLS towards a workload. `names`: of which its certificate must show one; empty is any of the mesh."""
    return ClientTLS(
        secret=CERTIFICATE,
        trusted_secret=AUTHORITIES,
        names=names,
        name_prefixes=() if names else trusted_prefixes(settings),
        sni=sni,
        alpn=alpn,
        min_version=_lowest(settings),
        ciphers=settings.mesh_mtls.cipher_suites,
        curves=settings.mesh_mtls.ecdh_curves,
    )


def trusted_prefixes(settings: MeshConfig) -> tuple[str, ...]:
    """How the identities of the mesh begin."""
    return tuple(f"spiffe://{domain}/" for domain in _domains(settings))


def _domains(settings: MeshConfig) -> tuple[str, ...]:
    return tuple(dict.fromkeys((settings.trust_domain, *settings.trust_domain_aliases)))


def _lowest(settings: MeshConfig) -> str:
    return "TLSv1_2" if settings.mesh_mtls.min_protocol_version is TLSProtocol.TLSV1_2 else "TLSv1_3"


def inner_protocol(protocol: AppProtocol, http: Http) -> tuple[str, ...]:
    """The ALPN name that a client offers on a port. Where requests differ, routes say it (view/route)."""
    if protocol.is_http:
        return ("istio-h2",) if http is Http.HTTP2 else ("istio-http/1.1",)
    return ("istio",)


def undeclared(e: Engine, to: Target, namespace: str, labels: tuple[tuple[str, str], ...]) -> bool:
    """Whether requests to a destination may go by mutual TLS of which the cluster does not know what is inside."""
    port, found = e.get(port_of, to.host, to.port), e.get(service, to.host)
    if to.fixed or port is None or found is None or port.protocol is not AppProtocol.AUTO or found.mesh_external:
        return False
    rules = rules_for(e, to.host, namespace, labels)
    written = e.get(policy_for, Aim(host=to.host, port=to.port, subset=to.subset, rules=rules)).tls
    return written is None or written.mode is ClientTLSMode.ISTIO_MUTUAL


def identities(e: Engine, host: str, port: int) -> tuple[str, ...]:
    """Names that the workloads behind a port may have, sorted; stands between endpoints' many changes and clusters.

    Source: Istio, "Service Entry", `subjectAltNames`: further names of the servers.
    """
    settings, found = mesh(e), e.get(service, host)
    further = found.subject_alt_names if found else ()
    accounts = {(x.namespace, x.service_account) for x in e.get(endpoints, host, port) if x.tls and x.service_account}
    own = {f"{p}ns/{ns}/sa/{sa}" for p in trusted_prefixes(settings) for ns, sa in accounts}
    return tuple(sorted(own | set(further)))


def all_take_tls(e: Engine, host: str, port: int) -> bool:
    """Whether there are endpoints and every one accepts mutual TLS."""
    found = e.get(endpoints, host, port)
    return bool(found) and all(x.tls for x in found)
