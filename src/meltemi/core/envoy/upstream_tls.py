"""Write the TLS towards endpoints as Envoy's UpstreamTlsContext.

Place:  view/upstream_tls → [envoy/upstream_tls] → envoy/cluster
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.secrets import names_of, prefixes_of, secret
from meltemi.core.view.upstream_tls import ClientTLS


def upstream_tls_socket(tls: ClientTLS) -> pb.TransportSocket:
    """Translate field by field."""
    context = pb.UpstreamTlsContext(sni=tls.sni, common_tls_context=_common(tls))
    return pb.TransportSocket(name="envoy.transport_sockets.tls", typed_config=pb.any_of(context))


def _common(tls: ClientTLS) -> pb.CommonTlsContext:
    common = pb.CommonTlsContext(alpn_protocols=tls.alpn)
    common.tls_params.tls_minimum_protocol_version = pb.TlsParameters.TlsProtocol.Value(tls.min_version)
    common.tls_params.tls_maximum_protocol_version = pb.TlsParameters.TLSv1_3
    common.tls_params.cipher_suites.extend(tls.ciphers)
    common.tls_params.ecdh_curves.extend(tls.curves)
    if tls.secret:
        common.tls_certificate_sds_secret_configs.append(secret(tls.secret))
    elif tls.certificate:
        certificate = common.tls_certificates.add()
        certificate.certificate_chain.filename = tls.certificate
        certificate.private_key.filename = tls.key
    if tls.checks:
        _write_validation(tls, common)
    return common


def _write_validation(tls: ClientTLS, common: pb.CommonTlsContext) -> None:
    rules = pb.CertificateValidationContext(
        match_typed_subject_alt_names=[*names_of(tls.names), *prefixes_of(tls.name_prefixes)]
    )
    if tls.revoked:
        rules.crl.filename = tls.revoked
    if tls.trusted_secret:
        combined = common.combined_validation_context
        combined.default_validation_context.CopyFrom(rules)
        combined.validation_context_sds_secret_config.CopyFrom(secret(tls.trusted_secret))
    else:
        rules.trusted_ca.filename = tls.trusted
        common.validation_context.CopyFrom(rules)
