"""The authority as one thing: which services stand at which port, and by what a caller is known there.

Place:  servers/ca · apps/control_plane → [service] → certificates, follow, admit, tls
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from meltemi.core.identity.csr import Caller, Policy
from meltemi.core.identity.refusal import Refusal, unproven
from meltemi.core.model.proxy import Proxy
from meltemi.shell.authorities import Authorities
from meltemi.shell.http2.limits import Limits
from meltemi.shell.identity_wire import AUTHORIZATION
from meltemi.shell.rpc.call import Call
from meltemi.shell.rpc.server import Methods, RpcServer, Secure, Sizes
from meltemi.shell.servers.ca.admit import Admission, Behind
from meltemi.shell.servers.ca.callers import Callers, CheckToken, Directory, Door, TrustDomains
from meltemi.shell.servers.ca.certificates import Certificates, Count
from meltemi.shell.servers.ca.follow import Followers

Identity = Callable[[], Proxy | None]

_SIZES = Sizes(message=64 << 10, http2=Limits(streams=16))
"""Of a port that lets everybody speak: a signing request has a kilobyte or two, and little is kept for anybody."""


class AuthorityService:
    """Makes the handlers of each sort of port."""

    def __init__(
        self, authorities: Authorities, *, check: CheckToken, directory: Directory, trust_domains: TrustDomains,
        policy: Callable[[], Awaitable[Policy]], now: Callable[[], datetime], count: Count = lambda _: None,
    ) -> None:  # fmt: skip
        self.followers = Followers(authorities)
        self._directory = directory
        self._callers = Callers(check, directory, trust_domains)
        self._certificates = Certificates(authorities, policy, now, count)

    def at_socket(self, identity: Identity) -> Methods:
        """On the socket of a pod: by the pod's own token."""

        async def who(call: Call) -> Caller | Refusal:
            proxy = identity()
            if proxy is None:
                return unproven("the pod of this socket is gone")
            door = Door(namespace=proxy.namespace, pod=proxy.id.removesuffix(f".{proxy.namespace}"))
            return await self._callers.by_token(call.said(AUTHORIZATION), door)

        def follows(_call: Call) -> str | None:
            proxy = identity()
            return proxy.id if proxy else None

        return {**self._certificates.methods(who), **self.followers.methods(follows)}

    def at_tls(self) -> Methods:
        """Over TLS: by a token, of whichever pod."""

        async def who(call: Call) -> Caller | Refusal:
            return await self._callers.by_token(call.said(AUTHORIZATION), None)

        return self._certificates.methods(who)

    def at_mutual_tls(self) -> Methods:
        """Over mutual TLS: by the certificate that is renewed."""

        async def who(call: Call) -> Caller | Refusal:
            if call.certificate is None:
                return unproven("there is no client certificate")
            return await self._callers.by_certificate(call.certificate)

        return self._certificates.methods(who)

    def admission(self, behind: Behind) -> Admission:
        """Who gets configuration over mutual TLS."""
        return Admission(self._callers, self._directory, behind)


async def serve_tls(host: str, port: int, secure: Secure, methods: Methods) -> tuple[RpcServer, int]:
    """Listen for certificates only; the server and its port. 0 picks one."""
    server = RpcServer(methods, sizes=_SIZES)
    return server, server.listen(host, port, secure)
