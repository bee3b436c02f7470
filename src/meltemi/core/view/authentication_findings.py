"""What authentication Policies say without effect, and where they overrule.

Place:  compose/{authentication,peer_authentication} → [view/authentication_findings] → pipeline/findings
"""

from collections.abc import Iterator

from meltemi.core.check.report import ROOT, at, note, on, warning
from meltemi.core.compose.authentication import GROUP, KIND, authentication_policy, targets_of, wide
from meltemi.core.compose.inputs import keys
from meltemi.core.compose.peer_authentication import peer_authentication, peer_heads
from meltemi.core.compose.registry import hosts, service
from meltemi.core.engine.engine import Engine
from meltemi.core.legacy.authentication import demanded
from meltemi.core.model.document import Key, Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.registry.service import Service
from meltemi.core.model.security.authentication import TargetSelector
from meltemi.core.model.security.peer_authentication import MutualTLSMode, PeerAuthentication


def authentication_findings(e: Engine) -> tuple[Finding, ...]:
    """Findings of all Policies, and of PeerAuthentications that ask for less."""
    return (*_lost(e), *_overruled(e))


def _lost(e: Engine) -> Iterator[Finding]:
    for key in keys(e, GROUP, KIND):
        for i, target in enumerate(e.get(targets_of, key)):
            found = e.get(service_called, key.namespace, target.name)
            yield from (on(key, one) for one in _of_target(target, found, at(ROOT, "targets", i)))


def service_called(e: Engine, namespace: str, short: str) -> Service | None:
    """The service of a namespace that has a short name."""
    found = (e.get(service, host) for host in e.get(hosts) if host.partition(".")[0] == short)
    return next((one for one in found if one and one.namespace == namespace), None)


def _of_target(target: TargetSelector, found: Service | None, path: Path) -> Iterator[Finding]:
    if found is None:
        message = f"there is no service {target.name!r} in this namespace"
        yield warning("M2942", at(path, "name"), message, "write the short name of a service")
        return
    for i, port in enumerate(target.ports):
        if not any(port.number == one.number if port.number else port.name == one.name for one in found.ports):
            message = f"service {target.name!r} has no port {port.number or port.name!r}"
            yield warning("M2942", at(path, "ports", i), message, "ports are those of the service")


def _overruled(e: Engine) -> Iterator[Finding]:
    for head in e.get(peer_heads):
        found = e.get(peer_authentication, head.key)
        strict = next((key for key in e.get(wide, head.key.namespace) if _is_strict(e, key)), None)
        if found and strict and _allows_plain(found):
            message = f"{strict} demands mutual TLS all the same"
            yield on(head.key, note("M2943", ROOT, message, "the stricter one holds: remove the older form"))


def _is_strict(e: Engine, key: Key) -> bool:
    found = e.get(authentication_policy, key)
    return found is not None and demanded(found) is MutualTLSMode.STRICT


def _allows_plain(policy: PeerAuthentication) -> bool:
    modes = [one.mode for _, one in policy.port_level_mtls or ()] + ([policy.mtls.mode] if policy.mtls else [])
    return any(mode in (MutualTLSMode.PERMISSIVE, MutualTLSMode.DISABLE) for mode in modes)
