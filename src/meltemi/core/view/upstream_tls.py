"""TLS towards the endpoints of a host.

Place:  model/traffic ClientTLSSettings → [view/upstream_tls] → envoy/upstream_tls
Source: Istio, "Destination Rule", message ClientTLSSettings

ISTIO_MUTUAL is settled by view/mesh_tls: it is what the mesh does by itself between sidecars.
"""

from meltemi.core.model.mesh import ANY_TLS, MeshTLS
from meltemi.core.model.traffic.destination_rule import ClientTLSMode, ClientTLSSettings
from meltemi.core.model.value import Value
from meltemi.core.view.connection_pool import Http

SYSTEM_CAS = "/etc/ssl/certs/ca-certificates.crt"
"""Debian's and Ubuntu's bundle: who checks servers of the outside world and names no CA of his own."""


class ClientTLS(Value, frozen=True, kw_only=True):
    """TLS towards endpoints, settled. Certificates are files, or secrets asked for by name."""

    certificate: str = ""
    key: str = ""
    secret: str = ""
    """Instead of the files."""
    trusted: str = ""
    """File with the CAs of servers' certificates; empty with `trusted_secret`, or where nothing is checked."""
    trusted_secret: str = ""
    revoked: str = ""
    names: tuple[str, ...] = ()
    """One of which the server's certificate must show; empty: the name that is asked for, where it is checked."""
    name_prefixes: tuple[str, ...] = ()
    """How a URI name of the server's certificate may begin, where `names` is empty."""
    sni: str = ""
    """Empty: the host of the request."""
    alpn: tuple[str, ...] = ()
    min_version: str = "TLSv1_2"
    """`TLSv1_2` or `TLSv1_3`, as Envoy calls them."""
    ciphers: tuple[str, ...] = ()
    """Of TLS 1.2; empty is Envoy's default, as for `curves`."""
    curves: tuple[str, ...] = ()

    @property
    def checks(self) -> bool:
        """Whether servers' certificates are checked."""
        return bool(self.trusted or self.trusted_secret)


def effective_tls(
    written: ClientTLSSettings, *, http: Http, names: tuple[str, ...] = (), defaults: MeshTLS = ANY_TLS
) -> ClientTLS | None:
    """Settle all modes but ISTIO_MUTUAL; None is plain text. `names`: of the server, where the rule says none;
    `defaults`: the mesh's."""
    if written.mode is ClientTLSMode.DISABLE:
        return None
    alpn = ("h2",) if http is Http.HTTP2 else ("h2", "http/1.1") if http is Http.CLIENT else ()
    shows = written.mode is ClientTLSMode.MUTUAL
    secret, trusted_secret = effective_credentials(written) or ("", "")
    return ClientTLS(
        certificate=written.client_certificate if shows and not written.credential_name else "",
        key=written.private_key if shows and not written.credential_name else "",
        secret=secret,
        trusted=_trusted(written),
        trusted_secret=trusted_secret,
        revoked=written.ca_crl,
        names=written.subject_alt_names or (() if written.insecure_skip_verify else names),
        sni=written.sni,
        alpn=alpn,
        ciphers=defaults.cipher_suites,
        curves=defaults.ecdh_curves,
    )


def effective_credentials(written: ClientTLSSettings) -> tuple[str, str] | tuple[()]:
    """(secret with the certificate, secret with the authorities), "" for none; nothing where no Secret is named."""
    if not written.credential_name:
        return ()
    own = f"kubernetes://{written.credential_name}" if written.mode is ClientTLSMode.MUTUAL else ""
    return own, "" if written.insecure_skip_verify else f"kubernetes://{written.credential_name}-cacert"


def _trusted(written: ClientTLSSettings) -> str:
    if written.insecure_skip_verify or written.credential_name:
        return ""
    return written.ca_certificates or SYSTEM_CAS
