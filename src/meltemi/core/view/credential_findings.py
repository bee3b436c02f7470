"""Secrets that a Gateway names and that its pods do not find.

Place:  compose/{gateways,credentials,workloads} → [view/credential_findings] → pipeline/findings
"""

from collections.abc import Iterator

from meltemi.core.check.report import at, on, warning
from meltemi.core.compose.credentials import credential
from meltemi.core.compose.gateways import gateway, selections
from meltemi.core.compose.inputs import keys
from meltemi.core.compose.workloads import selected_pods
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.gateway import ServerTLSSettings
from meltemi.core.view.gateway import server_tls
from meltemi.core.view.proxy_credentials import SCHEME

PASSING = ("PASSTHROUGH", "AUTO_PASSTHROUGH")


def credential_findings(e: Engine) -> tuple[Finding, ...]:
    """A finding for each Secret that is absent, or lacks what is needed, where a gateway looks for it."""
    return tuple(f for chosen in e.get(selections) for f in e.get(gateway_credential_findings, chosen.key))


def gateway_credential_findings(e: Engine, key: Key) -> tuple[Finding, ...]:
    """Those of one Gateway."""
    spec = e.get(gateway, key)
    if spec is None:
        return ()
    homes = e.get(homes_of, spec.selector)
    return tuple(
        on(key, finding)
        for i, server in enumerate(spec.servers)
        if server.tls is not None and server.tls.mode not in PASSING
        for home in homes
        for finding in _faults(e, server.tls, home, at(Path("spec"), "servers", i, "tls"))
    )


def _faults(e: Engine, tls: ServerTLSSettings, home: str, path: Path) -> Iterator[Finding]:
    settled = server_tls(tls, http=False)
    field = "credentialName" if tls.credential_name else "credentialNames"
    for secret in (*settled.secrets, settled.trusted_secret):
        fault = e.get(credential, home, secret.removeprefix(SCHEME)).fault if secret.startswith(SCHEME) else ""
        if fault:
            tip = f"the gateway's pods are in namespace {home!r}: a Secret of type kubernetes.io/tls is wanted there"
            yield warning("M3112", at(path, field), f"{fault}: connections are refused", tip)


def homes_of(e: Engine, selector: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Namespaces with pods that a Gateway selects."""
    spaces = sorted({key.namespace for key in keys(e, "", "Pod")})
    return tuple(space for space in spaces if e.get(selected_pods, space, selector))
