"""Write the TLS that a gateway or a sidecar terminates as Envoy's DownstreamTlsContext.

Place:  view/{gateway,mesh_tls} ServerTLS → [envoy/server_tls] → envoy/{listener,inbound}
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.secrets import names_of, prefixes_of, secret
from meltemi.core.view.listener import ServerTLS


def server_tls_socket(tls: ServerTLS) -> pb.TransportSocket:
    """Translate field by field."""
    context = pb.DownstreamTlsContext(
        require_client_certificate=pb.BoolValue(value=tls.client_certificate),
        common_tls_context=_common(tls),
    )
    return pb.TransportSocket(name="envoy.transport_sockets.tls", typed_config=pb.any_of(context))


def _common(tls: ServerTLS) -> pb.CommonTlsContext:
    common = pb.CommonTlsContext(alpn_protocols=tls.alpn)
    parameters = common.tls_params
    parameters.tls_minimum_protocol_version = _version(tls.min_version or "TLSv1_2")
    if tls.max_version:
        parameters.tls_maximum_protocol_version = _version(tls.max_version)
    parameters.cipher_suites.extend(tls.ciphers)
    parameters.ecdh_curves.extend(tls.curves)
    common.tls_certificate_sds_secret_configs.extend(secret(name) for name in tls.secrets)
    for chain, key in tls.certificates:
        certificate = common.tls_certificates.add()
        certificate.certificate_chain.filename = chain
        certificate.private_key.filename = key
    _write_validation(tls, common)
    return common


def _write_validation(tls: ServerTLS, common: pb.CommonTlsContext) -> None:
    """How clients' certificates are checked, where they are asked for."""
    rules = pb.CertificateValidationContext(
        verify_certificate_spki=tls.spki_hashes,
        verify_certificate_hash=tls.certificate_hashes,
        match_typed_subject_alt_names=[*names_of(tls.subject_alt_names), *prefixes_of(tls.san_prefixes)],
    )
    if tls.revoked_file:
        rules.crl.filename = tls.revoked_file
    if tls.trusted_secret:
        combined = common.combined_validation_context
        combined.default_validation_context.CopyFrom(rules)
        combined.validation_context_sds_secret_config.CopyFrom(secret(tls.trusted_secret))
    elif tls.trusted_file:
        rules.trusted_ca.filename = tls.trusted_file
        common.validation_context.CopyFrom(rules)


def _version(name: str) -> "pb.TlsParameters.TlsProtocol.ValueType":
    return pb.TlsParameters.TlsProtocol.Value(name)
