"""The authority as one thing: which services stand at which port, and by what a caller is known there.

Place:  servers/ca · apps/control_plane → [service] → certificates, follow, admit, tls
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import grpc
import grpc.aio

from meltemi.core.identity.csr import Caller, Policy
from meltemi.core.identity.refusal import Refusal, unproven
from meltemi.core.model.proxy import Proxy
from meltemi.shell.authorities import Authorities
from meltemi.shell.identity_wire import AUTHORIZATION
from meltemi.shell.servers.ca.admit import Admission, Behind, peer_certificate
from meltemi.shell.servers.ca.callers import Callers, CheckToken, Directory, Door, TrustDomains
from meltemi.shell.servers.ca.certificates import Certificates
from meltemi.shell.servers.ca.follow import Followers

Context = grpc.aio.ServicerContext[bytes, bytes]
Identity = Callable[[], Proxy | None]


class AuthorityService:
    """Makes the handlers of each sort of port."""

    def __init__(
        self, authorities: Authorities, *, check: CheckToken, directory: Directory, trust_domains: TrustDomains,
        policy: Callable[[], Awaitable[Policy]], now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self.followers = Followers(authorities)
        self._directory = directory
        self._callers = Callers(check, directory, trust_domains)
        self._certificates = Certificates(authorities, policy, now)

    def at_socket(self, identity: Identity) -> Sequence[grpc.GenericRpcHandler]:
        """On the socket of a pod: by the pod's own token."""

        async def who(context: Context) -> Caller | Refusal:
            proxy = identity()
            if proxy is None:
                return unproven("the pod of this socket is gone")
            door = Door(namespace=proxy.namespace, pod=proxy.id.removesuffix(f".{proxy.namespace}"))
            return await self._callers.by_token(_authorization(context), door)

        def follows(_context: Context) -> str | None:
            proxy = identity()
            return proxy.id if proxy else None

        return self._certificates.handler(who), self.followers.handler(follows)

    def at_tls(self) -> Sequence[grpc.GenericRpcHandler]:
        """Over TLS: by a token, of whichever pod."""

        async def who(context: Context) -> Caller | Refusal:
            return await self._callers.by_token(_authorization(context), None)

        return (self._certificates.handler(who),)

    def at_mutual_tls(self) -> Sequence[grpc.GenericRpcHandler]:
        """Over mutual TLS: by the certificate that is renewed."""

        async def who(context: Context) -> Caller | Refusal:
            pem = peer_certificate(context)
            return (
                unproven("there is no client certificate") if pem is None else await self._callers.by_certificate(pem)
            )

        return (self._certificates.handler(who),)

    def admission(self, behind: Behind) -> Admission:
        """Who gets configuration over mutual TLS."""
        return Admission(self._callers, self._directory, behind)


def _authorization(context: Context) -> str:
    for name, value in context.invocation_metadata() or ():
        if name == AUTHORIZATION:
            return value if isinstance(value, str) else value.decode(errors="replace")
    return ""


async def serve_tls(
    address: str, credentials: grpc.ServerCredentials, handlers: Sequence[grpc.GenericRpcHandler]
) -> tuple[grpc.aio.Server, int]:
    """Listen on `IP:PORT` for certificates only; the server and its port. 0 picks one."""
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers(tuple(handlers))
    port = server.add_secure_port(address, credentials)
    await server.start()
    return server, port
