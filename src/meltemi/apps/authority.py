"""The authority's parts put together for the control plane.

Place:  apps · ports/keys, the store, the mesh's settings → [authority] → services of sockets and ports, API
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509

from meltemi.core.identity.csr import Policy
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.node.settings import NodeSettings
from meltemi.ports.keys import Keys
from meltemi.ports.store import ConfigStore
from meltemi.shell.authorities import Authorities
from meltemi.shell.doors import Doors
from meltemi.shell.issuer import Issuer, open_issuer
from meltemi.shell.measures import Measures
from meltemi.shell.servers.api.tokens import TokenRoutes
from meltemi.shell.servers.ca.certificates import OUTCOMES, Count
from meltemi.shell.servers.ca.control import Control
from meltemi.shell.servers.ca.directory import StoreDirectory
from meltemi.shell.servers.ca.service import AuthorityService, serve_tls
from meltemi.shell.servers.ca.tls import ServerIdentity, server_names
from meltemi.shell.servers.xds.server import XdsServer


def now() -> datetime:
    """The clock of the control plane."""
    return datetime.now(UTC)


@dataclass(slots=True)
class MeshSettings:
    """The mesh's settings as they were read last; nobody gets a certificate before they are known."""

    mesh: MeshConfig = field(default_factory=MeshConfig)
    known: asyncio.Event = field(default_factory=asyncio.Event)

    async def current(self) -> MeshConfig:
        """Waits until the store has told everything."""
        await self.known.wait()
        return self.mesh


class Authority:
    """One mesh's."""

    def __init__(
        self, authorities: Authorities, issuer: Issuer, store: ConfigStore, mesh: MeshSettings, settings: NodeSettings,
        *, count: Count,
    ) -> None:  # fmt: skip
        self._mesh = mesh
        self._settings = settings
        self._authorities = authorities
        self.service = AuthorityService(
            authorities, check=issuer.check, directory=StoreDirectory(store), trust_domains=self._trust_domains,
            policy=self._policy, now=now, count=count,
        )  # fmt: skip
        self.tokens = TokenRoutes(store, issuer, now)

    def control(self, doors: Doors) -> Control:
        """For the API."""
        return Control(
            self._authorities, self.service.followers, expected=doors.serving, told=doors.told.wait,
            now=now, usual_life=self._settings.certificate_life,
        )  # fmt: skip

    @asynccontextmanager
    async def ports(self, server: XdsServer, doors: Doors) -> AsyncGenerator[None]:
        """Listen with TLS while the block runs, where that is switched on."""
        identity = ServerIdentity(self._authorities, server_names(self._settings.cluster_domain), now)
        if port := self._settings.xds_tls_port:
            admit = self.service.admission(doors.behind)
            secure = identity.secure(mutual=True)
            await server.open_tls("0.0.0.0", port, secure, admit, self.service.at_mutual_tls())
        if not (port := self._settings.ca_port):
            yield
            return
        certificates, _ = await serve_tls("0.0.0.0", port, identity.secure(mutual=False), self.service.at_tls())
        try:
            yield
        finally:
            await certificates.stop()

    async def _policy(self) -> Policy:
        mesh = await self._mesh.current()
        return Policy(
            trust_domain=mesh.trust_domain,
            default_life=self._settings.certificate_life,
            longest_life=self._settings.longest_certificate_life,
        )

    async def _trust_domains(self) -> frozenset[str]:
        mesh = await self._mesh.current()
        return frozenset((mesh.trust_domain, *mesh.trust_domain_aliases))


async def open_authority(
    keys: Keys, store: ConfigStore, mesh: MeshSettings, settings: NodeSettings, measures: Measures
) -> Authority:
    """Keys are read, or made on first start. Raises AuthorityError where they cannot be read."""
    authorities = Authorities(keys, now=now)
    await authorities.open(settings.cluster_domain)
    return Authority(
        authorities, await open_issuer(keys, domain=settings.cluster_domain, now=now), store, mesh, settings,
        count=authority_counts(measures, authorities),
    )  # fmt: skip


def authority_counts(measures: Measures, authorities: Authorities) -> Count:
    """What the authority does, and how long it may, under Istio's names."""
    about = "Requests for certificates, and what became of them."
    known = {name: measures.counter(f"citadel_server_{name}_count", about).labels() for name in OUTCOMES}

    def chain_ends() -> float:  # another authority may be in force by then
        return authorities.signer.not_after.timestamp()

    def root_ends() -> float:
        return _root(authorities).not_valid_after_utc.timestamp()

    measures.gauge("citadel_server_cert_chain_expiry_timestamp", "When the authority's chain expires.", chain_ends)
    measures.gauge("citadel_server_root_cert_expiry_timestamp", "When the authority's root expires.", root_ends)
    return lambda name: known[name].inc()


def _root(authorities: Authorities) -> x509.Certificate:
    return x509.load_pem_x509_certificates(authorities.signer.roots[-1].encode())[-1]
