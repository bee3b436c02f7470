"""Which proxy a connection over mutual TLS may be: one whose pod runs as the certificate says.

Place:  servers/ca · a verified certificate, a node id → [admit] → servers/xds
"""

from collections.abc import Callable, Mapping
from typing import Any

import grpc.aio
from cryptography import x509

from meltemi.core.identity.refusal import Refusal, unproven
from meltemi.core.identity.spiffe import Identity
from meltemi.core.model.proxy import Proxy
from meltemi.shell.servers.ca.callers import Callers, Directory

Context = grpc.aio.ServicerContext[bytes, bytes]
Behind = Callable[[str, str], Callable[[], Proxy | None]]
"""(namespace, pod) → who the proxy of that pod is, now; None where it has none."""


def peer_certificate(context: Context) -> bytes | None:
    """PEM of the certificate that the connection has verified; None where there was none."""
    found = context.auth_context().get("x509_pem_cert") or ()
    return next(iter(found), None)


class Admission:
    """The rule."""

    def __init__(self, callers: Callers, directory: Directory, behind: Behind) -> None:
        self._callers = callers
        self._directory = directory
        self._behind = behind

    async def __call__(self, context: Context, node: Mapping[str, Any]) -> Callable[[], Proxy | None] | str:
        """Whose configuration the connection gets, or why it gets none."""
        identity = await self._identity(context)
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

    async def _identity(self, context: Context) -> Identity | Refusal:
        pem = peer_certificate(context)
        if pem is None:
            return unproven("there is no client certificate")
        return await self._callers.identity(x509.load_pem_x509_certificate(pem))
