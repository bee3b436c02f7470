"""Gateway: ports that proxies at the edge of the mesh open.

Place:  model/traffic → check/gateway → compose → view/listener
API:    networking.istio.io v1, v1beta1, v1alpha3, message Gateway
"""

from enum import StrEnum

from meltemi.core.model.value import Value


class Port(Value, frozen=True, kw_only=True):
    """A port of a server."""

    number: int | None = None
    protocol: str = ""
    """`HTTP`, `HTTPS`, `GRPC`, `GRPC-WEB`, `HTTP2`, `MONGO`, `TCP`, `TLS`, … in any case of letters."""
    name: str = ""
    target_port: int | None = None
    """Deprecated; no effect."""


class ServerTLSMode(StrEnum):
    """What a server does with TLS."""

    PASSTHROUGH = "PASSTHROUGH"
    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    AUTO_PASSTHROUGH = "AUTO_PASSTHROUGH"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"
    OPTIONAL_MUTUAL = "OPTIONAL_MUTUAL"


class TLSProtocol(StrEnum):
    """A TLS version."""

    TLS_AUTO = "TLS_AUTO"
    """At least 1.2, at most the newest."""
    TLSV1_0 = "TLSV1_0"
    TLSV1_1 = "TLSV1_1"
    TLSV1_2 = "TLSV1_2"
    TLSV1_3 = "TLSV1_3"


class TLSCertificate(Value, frozen=True, kw_only=True):
    """Files of one certificate."""

    server_certificate: str = ""
    private_key: str = ""
    ca_certificates: str = ""


class ServerTLSSettings(Value, frozen=True, kw_only=True):
    """TLS of a server."""

    https_redirect: bool = False
    """Answer plain HTTP with a redirect to https."""
    mode: ServerTLSMode = ServerTLSMode.PASSTHROUGH
    server_certificate: str = ""
    """File in the proxy's view, like the next three."""
    private_key: str = ""
    ca_certificates: str = ""
    ca_crl: str = ""
    tls_certificates: tuple[TLSCertificate, ...] = ()
    """At most two, instead of `server_certificate` and `private_key`: one RSA, one ECDSA."""
    credential_name: str = ""
    """Secret in the gateway's namespace: `tls.crt`, `tls.key`, and `ca.crt` in it or in `<name>-cacert`."""
    credential_names: tuple[str, ...] = ()
    ca_cert_credential_name: str = ""
    """Secret with the CA certificates alone."""
    subject_alt_names: tuple[str, ...] = ()
    verify_certificate_spki: tuple[str, ...] = ()
    verify_certificate_hash: tuple[str, ...] = ()
    min_protocol_version: TLSProtocol = TLSProtocol.TLS_AUTO
    max_protocol_version: TLSProtocol = TLSProtocol.TLS_AUTO
    cipher_suites: tuple[str, ...] = ()


class Server(Value, frozen=True, kw_only=True):
    """One port, the hosts behind it and its TLS."""

    port: Port | None = None
    bind: str = ""
    """IP address or `unix://…`; empty is every address."""
    hosts: tuple[str, ...] = ()
    """`host` or `namespace/host`; namespace `.` or `*`; host may begin with `*`."""
    tls: ServerTLSSettings | None = None
    default_endpoint: str = ""
    """No effect in Istio."""
    name: str = ""


class Gateway(Value, frozen=True, kw_only=True):
    """Servers on the gateway workloads that `selector` names."""

    servers: tuple[Server, ...] = ()
    selector: tuple[tuple[str, str], ...] = ()
    """Labels of the workloads, in any namespace; empty selects all gateways."""
