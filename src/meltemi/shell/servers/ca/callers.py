"""Who asks for a certificate, from what he shows: a token, or the certificate that is to be renewed.

Place:  servers/ca · a call's metadata and connection → [callers] → Caller | Refusal → certificates
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from cryptography import x509

from meltemi.core.identity import spiffe
from meltemi.core.identity.csr import Caller
from meltemi.core.identity.refusal import Refusal, forbidden, unproven
from meltemi.core.identity.spiffe import Identity
from meltemi.core.identity.token import AUDIENCE, Claims, PodFacts, check_pod
from meltemi.core.model.value import Value
from meltemi.shell.identity_wire import BEARER


class Door(Value, frozen=True, kw_only=True):
    """The pod whose socket a call came over."""

    namespace: str
    pod: str


class KnownPod(Value, frozen=True, kw_only=True):
    """A stored Pod, as far as identity goes."""

    facts: PodFacts
    workload: str
    """The name of what runs it."""


class CheckToken(Protocol):
    """shell/issuer's check."""

    def __call__(self, token: str, audience: str) -> Claims | Refusal:
        """What a token says, or why it is not taken."""
        ...


class Directory(Protocol):
    """What the store says now."""

    async def pod(self, namespace: str, name: str) -> KnownPod | None:
        """A Pod; None where there is none."""
        ...

    async def account_uid(self, namespace: str, name: str) -> str:
        """Of a ServiceAccount; empty where there is none."""
        ...


TrustDomains = Callable[[], Awaitable[frozenset[str]]]
"""All names of the mesh's trust domain; waits until they are known."""


class Callers:
    """The rules by which a caller is known."""

    def __init__(self, check: CheckToken, directory: Directory, trust_domains: TrustDomains) -> None:
        self._check = check
        self._directory = directory
        self._trust_domains = trust_domains

    async def by_token(self, authorization: str, door: Door | None) -> Caller | Refusal:
        """Whom a token proves. On a pod's socket it must be that pod's own: neither proof is enough alone."""
        if not authorization.startswith(BEARER):
            return unproven("there is no token: metadata 'authorization' with 'Bearer TOKEN' is wanted")
        claims = self._check(authorization.removeprefix(BEARER), AUDIENCE)
        if isinstance(claims, Refusal):
            return claims
        bound = claims.kubernetes
        name = bound.pod.name if bound.pod else ""
        if door is not None and (bound.namespace, name) != (door.namespace, door.pod):
            return unproven(f"the token is of '{bound.namespace}/{name}', the socket of '{door.namespace}/{door.pod}'")
        pod = await self._directory.pod(bound.namespace, name) if name else None
        if refusal := check_pod(claims, pod.facts if pod else None):
            return refusal
        return Caller(
            namespace=bound.namespace,
            service_account=bound.serviceaccount.name,
            workload=pod.workload if pod else "",
        )

    async def by_certificate(self, der: bytes) -> Caller | Refusal:
        """Whom a certificate proves that the connection has verified; its workload stays what it says."""
        certificate = x509.load_der_x509_certificate(der)
        identity = await self.identity(certificate)
        if isinstance(identity, Refusal):
            return identity
        if not await self._directory.account_uid(identity.namespace, identity.service_account):
            return unproven(f"the service account '{identity.namespace}/{identity.service_account}' is gone")
        return Caller(
            namespace=identity.namespace,
            service_account=identity.service_account,
            workload=_workload(certificate, identity),
        )

    async def identity(self, certificate: x509.Certificate) -> Identity | Refusal:
        """The one SPIFFE id of a certificate, if it is of this mesh (SPIFFE X509-SVID, 5.2)."""
        uris = _names(certificate).get_values_for_type(x509.UniformResourceIdentifier)
        identity = spiffe.parse(uris[0]) if len(uris) == 1 else None
        if identity is None:
            return unproven("the certificate holds no SPIFFE id of a workload, or several")
        if identity.trust_domain not in await self._trust_domains():
            return forbidden(f"the trust domain '{identity.trust_domain}' is not that of this mesh")
        return identity


def _names(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return x509.SubjectAlternativeName([])


def _workload(certificate: x509.Certificate, identity: Identity) -> str:
    suffix = f".{identity.namespace}.workload"
    names = _names(certificate).get_values_for_type(x509.DNSName)
    return next((name.removesuffix(suffix) for name in names if name.endswith(suffix)), "")
