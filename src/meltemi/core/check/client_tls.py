"""Rules for `tls` of a traffic policy: how destinations are connected to.

Place:  model/traffic → [check/client_tls] → view/tls
"""

from collections.abc import Iterator

from meltemi.core.check.report import ROOT, at, error, note, required
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.destination_rule import ClientTLSMode, ClientTLSSettings, DestinationRule


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


def check_for_gateways(rule: DestinationRule) -> Iterator[Finding]:
    """What sidecars do not read of a rule that selects no clients. Source: Istio, message ClientTLSSettings."""
    places = [(rule.traffic_policy, at(ROOT, "trafficPolicy"))]
    places += [(s.traffic_policy, at(ROOT, "subsets", i, "trafficPolicy")) for i, s in enumerate(rule.subsets)]
    for policy, path in places:
        if policy is None:
            continue
        own = [(p.tls, at(path, "portLevelSettings", i, "tls")) for i, p in enumerate(policy.port_level_settings)]
        for tls, place in [(policy.tls, at(path, "tls")), *own]:
            if tls is not None and tls.credential_name and tls.mode in (ClientTLSMode.SIMPLE, ClientTLSMode.MUTUAL):
                message = "only gateways read 'credentialName' of a rule without 'workloadSelector'"
                yield note("M2213", at(place, "credentialName"), message, "select the workloads that need it")


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
