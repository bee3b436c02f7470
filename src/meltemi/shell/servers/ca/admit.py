"""Which proxy a connection over mutual TLS may be: one whose pod runs as the certificate says.

Place:  servers/ca · a verified certificate, a node id → [admit] → servers/xds
"""

from collections.abc import Callable, Mapping
from typing import Any

from cryptography import x509

from meltemi.core.identity.refusal import Refusal, unproven
from meltemi.core.identity.spiffe import Identity
from meltemi.core.model.proxy import Proxy
from meltemi.shell.rpc.call import Call
from meltemi.shell.servers.ca.callers import Callers, Directory

Behind = Callable[[str, str], Callable[[], Proxy | None]]
"""(namespace, pod) → who the proxy of that pod is, now; None where it has none."""


class Admission:
    """The rule."""

    def __init__(self, callers: Callers, directory: Directory, behind: Behind) -> None:
        self._callers = callers
        self._directory = directory
        self._behind = behind

    async def __call__(self, call: Call, node: Mapping[str, Any]) -> Callable[[], Proxy | None] | str:
        """Whose configuration the connection gets, or why it gets none."""
        identity = await self._identity(call)
        if isinstance(identity, Refusal):
            return identity.message
        parts = str(node.get("id", "")).split("~")
        pod, _, namespace = parts[2].rpartition(".") if len(parts) == 4 else ("", "", "")
        if namespace != identity.namespace:
            return f"the node id names a pod of namespace '{namespace}', the certificate is '{identity.uri}'"
        known = await self._directory.pod(namespace, pod)
        proxy = self._behind(namespace, pod)
        if known is None or proxy() is None:
            return f"there is no pod '{namespace}/{pod}' with a proxy"
        if known.facts.service_account != identity.service_account:
            return f"the pod '{namespace}/{pod}' does not run as '{identity.uri}'"
        return proxy

    async def _identity(self, call: Call) -> Identity | Refusal:
        if call.certificate is None:
            return unproven("there is no client certificate")
        return await self._callers.identity(x509.load_der_x509_certificate(call.certificate))
