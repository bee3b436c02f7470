"""Rules for `tls` of a Gateway's server.

Place:  model/traffic → [check/server_tls] → view/tls
"""

from collections.abc import Iterator

from meltemi.core.check.report import at, error, required, warning
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.gateway import ServerTLSMode, ServerTLSSettings, TLSCertificate, TLSProtocol

CIPHERS = frozenset(
    {
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-PSK-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-PSK-AES128-CBC-SHA",
        "ECDHE-ECDSA-AES256-SHA",
        "ECDHE-RSA-AES256-SHA",
        "ECDHE-PSK-AES256-CBC-SHA",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "AES128-SHA",
        "PSK-AES128-CBC-SHA",
        "AES256-SHA",
        "PSK-AES256-CBC-SHA",
        "DES-CBC3-SHA",
    }
)
"""Source: BoringSSL, the suites that Envoy can be given by name."""

PASSED_ON = (ServerTLSMode.PASSTHROUGH, ServerTLSMode.AUTO_PASSTHROUGH)
MUTUAL = (ServerTLSMode.MUTUAL, ServerTLSMode.OPTIONAL_MUTUAL)
MAX_CERTIFICATES = 2


def check_server_tls(tls: ServerTLSSettings | None, path: Path) -> Iterator[Finding]:
    """Certificates as the mode needs them, from one source."""
    if tls is None:
        return
    yield from _check_versions(tls, path)
    if tls.mode is ServerTLSMode.ISTIO_MUTUAL:
        yield from _check_mesh_certificates(tls, path)
        return
    if tls.mode in PASSED_ON:
        if (
            tls.server_certificate
            or tls.private_key
            or tls.ca_certificates
            or tls.ca_crl
            or tls.credential_name
            or tls.credential_names
        ):
            yield warning(
                "M2306", path, f"mode {tls.mode} does not read certificates", "remove them, or change the mode"
            )
        return
    yield from _check_sources(tls, path)
    if tls.ca_crl and tls.mode is ServerTLSMode.SIMPLE and not tls.credential_name:
        yield error("M2306", at(path, "caCrl"), "mode SIMPLE asks for no client certificate to be revoked", "remove it")


def _check_versions(tls: ServerTLSSettings, path: Path) -> Iterator[Finding]:
    old = tls.min_protocol_version in (TLSProtocol.TLSV1_0, TLSProtocol.TLSV1_1)
    if old and not tls.cipher_suites:
        tip = "write 'cipherSuites' that these versions have"
        yield warning(
            "M2307", at(path, "minProtocolVersion"), "versions below 1.2 have no suite in common by default", tip
        )
    seen: set[str] = set()
    for i, name in enumerate(tls.cipher_suites):
        place = at(path, "cipherSuites", i)
        if name.lstrip("+-!") not in CIPHERS:
            yield warning("M2307", place, f"unknown cipher suite {name!r} is left out")
        elif name in seen:
            yield warning("M2307", place, f"cipher suite {name!r} is written twice")
        seen.add(name)


def _check_mesh_certificates(tls: ServerTLSSettings, path: Path) -> Iterator[Finding]:
    written = {
        "serverCertificate": tls.server_certificate,
        "privateKey": tls.private_key,
        "caCertificates": tls.ca_certificates,
        "credentialName": tls.credential_name,
        "credentialNames": tls.credential_names,
        "tlsCertificates": tls.tls_certificates,
        "caCertCredentialName": tls.ca_cert_credential_name,
    }
    for word, value in written.items():
        if value:
            yield error("M2306", at(path, word), "mode ISTIO_MUTUAL uses the mesh's own certificates", "remove it")


def _check_sources(tls: ServerTLSSettings, path: Path) -> Iterator[Finding]:
    """SIMPLE, MUTUAL and OPTIONAL_MUTUAL."""
    sources = (tls.credential_name, tls.credential_names, tls.server_certificate, tls.tls_certificates)
    if sum(bool(source) for source in sources) > 1:
        words = "'credentialName', 'credentialNames', 'serverCertificate' with 'privateKey', 'tlsCertificates'"
        yield error("M2308", path, "certificates are named in more than one way", f"keep one of {words}")
        return
    for word, count in (("tlsCertificates", len(tls.tls_certificates)), ("credentialNames", len(tls.credential_names))):
        if count > MAX_CERTIFICATES:
            yield error(
                "M2308",
                at(path, word),
                f"{count} certificates, at most {MAX_CERTIFICATES} can be used",
                "one RSA, one ECDSA",
            )
    if tls.credential_name or tls.credential_names:
        return
    if tls.tls_certificates:
        for i, certificate in enumerate(tls.tls_certificates):
            yield from _check_files(certificate, at(path, "tlsCertificates", i), tls.mode)
    else:
        yield from _check_files(tls, path, tls.mode)
    if tls.mode in MUTUAL and not (tls.ca_certificates or tls.ca_cert_credential_name):
        yield required(
            path, "caCertificates", f"mode {tls.mode} verifies clients: name a file, or use 'credentialName'"
        )


def _check_files(files: ServerTLSSettings | TLSCertificate, path: Path, mode: ServerTLSMode) -> Iterator[Finding]:
    for word, written in (("serverCertificate", files.server_certificate), ("privateKey", files.private_key)):
        if not written:
            yield required(path, word, f"mode {mode} shows a certificate: name a file, or use 'credentialName'")
