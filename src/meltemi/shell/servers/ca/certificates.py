"""Istio's certificate service: a signing request in, a certificate chain out.

Place:  servers/ca · agents → [certificates] → callers, core/identity/csr, authorities
Source: Istio, istio.v1.auth.IstioCertificateService
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import structlog
from cryptography.x509 import random_serial_number

from meltemi.core.identity.certificate import sign
from meltemi.core.identity.csr import Caller, Leaf, Policy, decide
from meltemi.core.identity.refusal import Refusal, Why, forbidden, malformed
from meltemi.shell.authorities import Authorities
from meltemi.shell.identity_wire import CERTIFICATES, CREATE, CertificateRequest, decode_request, encode_response
from meltemi.shell.rpc.call import Call
from meltemi.shell.rpc.server import Methods
from meltemi.shell.rpc.status import Refused, Status

log: Any = structlog.get_logger(__name__)

WhoAsks = Callable[[Call], Awaitable[Caller | Refusal]]
"""How the caller is known depends on where he comes in."""

IMPERSONATED = "ImpersonatedIdentity"
"""Metadata by which a node's proxy asks for another; nobody may, here."""
_CODES = {
    Why.MALFORMED: Status.INVALID_ARGUMENT,
    Why.UNPROVEN: Status.UNAUTHENTICATED,
    Why.FORBIDDEN: Status.PERMISSION_DENIED,
}

_COUNTED = {
    Why.MALFORMED: "csr_parsing_err",
    Why.UNPROVEN: "authentication_failure",
    Why.FORBIDDEN: "csr_sign_err",
}
OUTCOMES = ("csr", "success_cert_issuance", *_COUNTED.values())
"""What is counted: a request that came, and what became of it, as Istio's `citadel_server_…_count` call it."""
Count = Callable[[str], None]
"""One of `OUTCOMES` happened."""


class Certificates:
    """Answers requests; all that decides is in core/identity."""

    def __init__(
        self, authorities: Authorities, policy: Callable[[], Awaitable[Policy]], now: Callable[[], datetime],
        count: Count,
    ) -> None:  # fmt: skip
        self._authorities = authorities
        self._policy = policy
        self._now = now
        self._count = count

    def methods(self, who: WhoAsks) -> Methods:
        """The service for one port."""

        async def create(call: Call) -> None:
            self._count("csr")
            caller = await who(call)
            try:
                answer = caller if isinstance(caller, Refusal) else await self._answer(await _request(call), caller)
            except ValueError as problem:
                answer = malformed(f"the message cannot be read: {problem}")
            if isinstance(answer, Refusal):
                self._count(_COUNTED[answer.why])
                log.warning("no certificate", why=str(answer.why), reason=answer.message, caller=repr(caller))
                raise Refused(_CODES[answer.why], answer.message)
            if answer is None:
                self._count("csr_sign_err")
                raise Refused(Status.UNAVAILABLE, "the authority's own certificate is not valid now")
            self._count("success_cert_issuance")
            await call.write(answer)

        return {f"/{CERTIFICATES}/{CREATE}": create}

    async def _answer(self, request: CertificateRequest, caller: Caller) -> bytes | Refusal | None:
        """None: the authority cannot sign at this time."""
        if any(name == IMPERSONATED for name, _ in request.metadata):
            return forbidden("nobody gets a certificate for somebody else")
        policy, now = await self._policy(), self._now()
        leaf = decide(request.csr.encode(), caller, policy, asked=request.life, now=now)
        if isinstance(leaf, Refusal):
            return leaf
        signer = self._authorities.signer
        if not signer.not_before <= now < signer.not_after:
            return None
        return encode_response(self._chain(leaf))

    def _chain(self, leaf: Leaf) -> list[str]:
        """The roots last, in one text: who knows nothing but Istio's service trusts these."""
        signer, serial = self._authorities.signer, random_serial_number()
        pem = sign(leaf, signer, serial=serial).decode()
        log.info("certificate", identity=leaf.identity.uri, dns=leaf.dns, serial=f"{serial:x}", until=leaf.not_after)
        return [pem, *signer.intermediates, "".join(self._authorities.trust.roots)]


async def _request(call: Call) -> CertificateRequest:
    """Raises ValueError where there is none that can be read."""
    data = await call.read()
    if data is None:
        raise ValueError("there is none")
    return decode_request(data)
