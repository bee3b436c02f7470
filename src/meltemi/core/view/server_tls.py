"""TLS that a proxy terminates as it is written: at gateways, and at a Sidecar's ingress listeners.

Place:  model/traffic ServerTLSSettings → [view/server_tls] → view/{gateway,inbound}
Source: Istio, message ServerTLSSettings
"""

from meltemi.core.compose.credentials import AUTHORITIES as AUTHORITIES_SUFFIX
from meltemi.core.model.mesh import ANY_TLS, MeshTLS
from meltemi.core.model.mesh import TLSProtocol as MeshProtocol
from meltemi.core.model.traffic.gateway import ServerTLSMode, ServerTLSSettings, TLSProtocol
from meltemi.core.view.listener import ServerTLS
from meltemi.core.view.mesh_tls import AUTHORITIES, CERTIFICATE

MUTUAL = (ServerTLSMode.MUTUAL, ServerTLSMode.ISTIO_MUTUAL, ServerTLSMode.OPTIONAL_MUTUAL)


def server_tls(written: ServerTLSSettings, *, http: bool, defaults: MeshTLS = ANY_TLS) -> ServerTLS:
    """Settle the TLS of a server. Secrets are asked for by the names that Istio's agents use.

    `defaults`: the mesh's.
    """
    others = ANY_TLS if written.mode is ServerTLSMode.ISTIO_MUTUAL else defaults
    mutual = written.mode in MUTUAL
    own = written.mode is ServerTLSMode.ISTIO_MUTUAL
    secrets, trusted = ((CERTIFICATE,), AUTHORITIES) if own else _secrets(written)
    several = tuple((c.server_certificate, c.private_key) for c in written.tls_certificates)
    single = ((written.server_certificate, written.private_key),) if written.server_certificate else ()
    return ServerTLS(
        secrets=secrets,
        trusted_secret=trusted if mutual else "",
        certificates=() if secrets else several or single,
        trusted_file=written.ca_certificates if mutual and not trusted else "",
        revoked_file=written.ca_crl,
        client_certificate=mutual and written.mode is not ServerTLSMode.OPTIONAL_MUTUAL,
        subject_alt_names=written.subject_alt_names,
        spki_hashes=written.verify_certificate_spki,
        certificate_hashes=written.verify_certificate_hash,
        min_version=_version(written.min_protocol_version) or _of_mesh(others),
        max_version=_version(written.max_protocol_version),
        ciphers=written.cipher_suites or others.cipher_suites,
        curves=others.ecdh_curves,
        alpn=("h2", "http/1.1") if http else (),
    )


def _secrets(written: ServerTLSSettings) -> tuple[tuple[str, ...], str]:
    """(certificate secrets, secret of the CAs) of credentials kept in the gateway's namespace.

    The suffix says that authorities are asked for: a Secret may be called so, or without it (compose/credentials).
    """
    names = written.credential_names or ((written.credential_name,) if written.credential_name else ())
    own = written.ca_cert_credential_name or (names[0] if names else "")
    trusted = f"kubernetes://{own.removesuffix(AUTHORITIES_SUFFIX)}{AUTHORITIES_SUFFIX}" if own else ""
    return tuple(f"kubernetes://{n}" for n in names), trusted


def _of_mesh(defaults: MeshTLS) -> str:
    lowest = defaults.min_protocol_version
    return "" if lowest is MeshProtocol.TLS_AUTO else lowest.value.replace("TLSV", "TLSv")


def _version(written: TLSProtocol) -> str:
    return "" if written is TLSProtocol.TLS_AUTO else written.value.replace("TLSV", "TLSv")
