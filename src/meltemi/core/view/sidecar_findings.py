"""What Sidecars say without effect.

Place:  compose/{sidecars,visibility} → [view/sidecar_findings] → pipeline/findings
"""

from collections.abc import Iterator

from meltemi.core.check.report import ROOT, at, on, warning
from meltemi.core.compose.attachments import Selecting
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.peer_authentication import modes_of
from meltemi.core.compose.sidecars import (
    EVERY,
    named_by,
    names_rule,
    names_service,
    sidecar,
    sidecar_heads,
)
from meltemi.core.compose.visibility import exposed
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.finding import Finding
from meltemi.core.model.proxy import Sight
from meltemi.core.model.security.peer_authentication import MutualTLSMode
from meltemi.core.model.traffic.sidecar import Sidecar


def sidecar_findings(e: Engine) -> tuple[Finding, ...]:
    """Findings of all Sidecars."""
    found = [on(key, finding) for key, finding in _overruled(e)]
    for head in e.get(sidecar_heads):
        found += e.get(findings_of, head)
    return tuple(found)


def _overruled(e: Engine) -> Iterator[tuple[Key, Finding]]:
    first: dict[tuple[str, tuple[tuple[str, str], ...]], Key] = {}
    for head in e.get(sidecar_heads):
        place = (head.key.namespace, tuple(sorted(head.selector)))
        older = first.setdefault(place, head.key)
        if older != head.key:
            message = f"{older}, which is older, speaks for the same workloads"
            yield head.key, warning("M3301", ROOT, message, "keep one")


def findings_of(e: Engine, head: Selecting) -> tuple[Finding, ...]:
    """Of one Sidecar."""
    spec = e.get(sidecar, head.key)
    if spec is None:
        return ()
    return tuple(on(head.key, finding) for finding in (*_nobody(e, spec, head.key), *_own_tls(e, spec, head)))


def _nobody(e: Engine, spec: Sidecar, key: Key) -> Iterator[Finding]:
    """Egress hosts that name nothing. In the root namespace `.` is the namespace of each workload."""
    if key.namespace == mesh(e).root_namespace:
        return
    sight = Sight(namespace=key.namespace)
    for i, listener in enumerate(spec.egress):
        for j, written in enumerate(listener.hosts):
            if not written.endswith(f"/{EVERY}") and not written.startswith("~/") and not _names(e, written, sight):
                tip = "calls to it are calls to an unknown host; correct the name, the namespace or 'exportTo'"
                message = f"no service and no VirtualService that is visible here is named by {written!r}"
                yield warning("M3302", at(ROOT, "egress", i, "hosts", j), message, tip)


def _names(e: Engine, written: str, sight: Sight) -> bool:
    found = named_by((written,), sight.namespace)
    known = e.get(exposed, sight.namespace)
    if any(names_service(found, namespace, host) for host, namespace in known.services):
        return True
    return any(names_rule(found, namespace, hosts) for namespace, hosts in known.rules)


def _own_tls(e: Engine, spec: Sidecar, head: Selecting) -> Iterator[Finding]:
    modes = e.get(modes_of, head.key.namespace, head.selector)
    for i, listener in enumerate(spec.ingress):
        port = listener.port.number if listener.port else None
        if listener.tls is not None and port and modes.at(port) is not MutualTLSMode.DISABLE:
            message = f"mutual TLS of the mesh is {modes.at(port)} on port {port}, so this TLS is not used"
            tip = f"a PeerAuthentication with portLevelMtls '{port}': {{mode: DISABLE}} leaves the port to it"
            yield warning("M3303", at(ROOT, "ingress", i, "tls"), message, tip)
