"""Rules for PeerAuthentications.

Place:  parse → [check/peer_authentication] → check/document
Source: Istio, API reference, "PeerAuthentication", and pkg/config/validation.
"""

from collections.abc import Iterator

from meltemi.core.check.names import check_port, check_selector
from meltemi.core.check.report import ROOT, at, error
from meltemi.core.model.finding import Finding
from meltemi.core.model.security.peer_authentication import PeerAuthentication


def check_peer_authentication(policy: PeerAuthentication) -> Iterator[Finding]:
    """Every fault of one PeerAuthentication."""
    labels = policy.selector.match_labels if policy.selector else ()
    yield from check_selector(labels, at(ROOT, "selector", "matchLabels"))
    ports = policy.port_level_mtls
    if ports is None:
        return
    place = at(ROOT, "portLevelMtls")
    if not ports:
        yield error("M2901", place, "no port is named", "name a port of the workload, or remove 'portLevelMtls'")
    elif not labels:
        tip = "say which workloads have the port: 'selector: {matchLabels: …}'"
        yield error("M2901", place, "ports belong to workloads, and no workload is selected", tip)
    for name, _ in ports:
        path = at(place, name)
        if name.isdecimal():
            yield from check_port(int(name), path)
        else:
            yield error("M2901", path, f"{name!r} is no number of a port", "name the workload's port by its number")
