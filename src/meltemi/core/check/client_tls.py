"""Rules for `tls` of a traffic policy: how destinations are connected to.

Place:  model/traffic → [check/client_tls] → view/tls
"""

from collections.abc import Iterator

from meltemi.core.check.report import at, error, required
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.destination_rule import ClientTLSMode, ClientTLSSettings


def check_client_tls(tls: ClientTLSSettings | None, path: Path) -> Iterator[Finding]:
    """Certificates as the mode needs them, from one source."""
    if tls is None:
        return
    if tls.insecure_skip_verify:
        yield from _check_unverified(tls, path)
    if tls.mode in (ClientTLSMode.SIMPLE, ClientTLSMode.MUTUAL) and tls.credential_name:
        if tls.client_certificate or tls.private_key or tls.ca_certificates or tls.ca_crl:
            place = at(path, "credentialName")
            yield error(
                "M2207", place, "certificates are named by 'credentialName' and as files too", "keep one of the two"
            )
        return
    if tls.mode is ClientTLSMode.MUTUAL:
        for word, written in (("clientCertificate", tls.client_certificate), ("privateKey", tls.private_key)):
            if not written:
                yield required(path, word, "mutual TLS shows a certificate: name files, or 'credentialName'")


def _check_unverified(tls: ClientTLSSettings, path: Path) -> Iterator[Finding]:
    """What says how to verify contradicts not verifying."""
    written = {"caCertificates": tls.ca_certificates, "subjectAltNames": tls.subject_alt_names}
    if tls.mode is ClientTLSMode.SIMPLE:
        written["credentialName"] = tls.credential_name
    if tls.mode not in (ClientTLSMode.SIMPLE, ClientTLSMode.MUTUAL):
        return
    for word, value in written.items():
        if value:
            yield error(
                "M2207", at(path, word), f"{word!r} says nothing where 'insecureSkipVerify' is true", "remove one"
            )
