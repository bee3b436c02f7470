"""A control plane's identity side over real gRPC servers: sockets of pods, TLS ports, a store and keys in memory."""

import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from cryptography.hazmat.primitives.asymmetric import ec

from fakes.keys import FakeKeys
from fakes.store import FakeStore
from meltemi.core.identity.csr import Policy
from meltemi.core.identity.token import AUDIENCE, Bound, Claims, Named, subject
from meltemi.core.model.document import Key
from meltemi.core.model.proxy import Proxy
from meltemi.core.model.units import Seconds
from meltemi.core.xds.events import Request
from meltemi.shell.authorities import Authorities
from meltemi.shell.doors import proxy_of_pod
from meltemi.shell.identity_wire import (
    AUTHORIZATION,
    BEARER,
    CERTIFICATES,
    CREATE,
    CertificateRequest,
    decode_response,
    encode_request,
)
from meltemi.shell.issuer import Issuer, open_issuer
from meltemi.shell.servers.ca.directory import StoreDirectory
from meltemi.shell.servers.ca.service import AuthorityService, serve_tls
from meltemi.shell.servers.ca.tls import ServerIdentity, server_names
from meltemi.shell.servers.xds.server import XdsServer
from unit.identity.pki import csr, pem_of

DOMAIN = "cluster.local"
SERVER = "istiod.istio-system.svc"


class Silence:
    """A session that never has anything to send."""

    def on_request(self, request: Request) -> None:
        del request

    def listen(self, wake: Callable[[], None]) -> None:
        del wake

    def take(self) -> list[bytes]:
        return []


@dataclass
class Admitted:
    """A session as servers/xds wants it."""

    session: Silence = field(default_factory=Silence)

    def close(self) -> None:
        return


class World:
    """Everything, and the shortest way to ask it."""

    def __init__(self, folder: Path, authorities: Authorities, issuer: Issuer, store: FakeStore) -> None:
        self.folder = folder
        self.authorities = authorities
        self.issuer = issuer
        self.store = store
        self.late = timedelta()
        """How much later than really it is."""
        self.domains = frozenset({DOMAIN})
        self.connected: list[str] = []
        """Proxies whose xDS streams were let in."""
        self.counted: Counter[str] = Counter()
        """What the authority counted."""
        self.service = AuthorityService(
            authorities, check=issuer.check, directory=StoreDirectory(store), trust_domains=self._domains,
            policy=self._policy, now=self.now, count=self._count,
        )  # fmt: skip
        self.server = XdsServer(self._arrive, self._connect, beside=self.service.at_socket)
        self.tls = ServerIdentity(authorities, server_names(DOMAIN), self.now)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.late

    async def add_pod(self, name: str, account: str, namespace: str = "shop") -> str:
        """A pod with a proxy and a socket; its uid."""
        await self._account(namespace, account)
        metadata = {"name": name, "namespace": namespace, "labels": {"app": name}}
        spec = {"serviceAccountName": account, "containers": [{"name": "istio-proxy"}]}
        status = {"phase": "Running", "podIP": "198.18.0.9"}
        key = Key(group="", kind="Pod", namespace=namespace, name=name)
        await self.store.put(key, json.dumps({"metadata": metadata, "spec": spec, "status": status}).encode())
        await self.server.open(self.socket(name, namespace), self.behind(namespace, name))
        return await self.uid("Pod", name, namespace)

    async def remove(self, kind: str, name: str, namespace: str = "shop") -> None:
        await self.store.delete(Key(group="", kind=kind, namespace=namespace, name=name))

    async def uid(self, kind: str, name: str, namespace: str = "shop") -> str:
        stored = await self.store.get(Key(group="", kind=kind, namespace=namespace, name=name))
        return json.loads(stored.body)["metadata"]["uid"]

    def socket(self, name: str, namespace: str = "shop") -> Path:
        return self.folder / namespace / name / "xds.sock"

    def behind(self, namespace: str, name: str) -> Callable[[], Proxy | None]:
        def proxy() -> Proxy | None:
            key = Key(group="", kind="Pod", namespace=namespace, name=name)
            stored = self.store.objects.get(key)
            return proxy_of_pod(json.loads(stored.body)) if stored else None

        return proxy

    async def token(self, pod: str, account: str, namespace: str = "shop", **said: Any) -> str:
        """A token of our own issuer; `said` overrides claims."""
        return self.issuer.token(await self.claims(pod, account, namespace, **said))

    async def claims(self, pod: str, account: str, namespace: str = "shop", **said: Any) -> Claims:
        now = int(self.now().timestamp())
        bound = Bound(
            namespace=namespace,
            serviceaccount=Named(name=account, uid=await self.uid("ServiceAccount", account, namespace)),
            pod=Named(name=pod, uid=await self.uid("Pod", pod, namespace)),
        )
        usual: dict[str, Any] = {
            "iss": self.issuer.name, "sub": subject(namespace, account), "aud": (AUDIENCE,), "iat": now, "nbf": now,
            "exp": now + 3600, "kubernetes": bound,
        }  # fmt: skip
        return Claims(**(usual | said))

    async def ask(self, pod: str, token: str | None, request: bytes | None = None, **more: Any) -> tuple[str, ...]:
        """CreateCertificate over a pod's socket. Raises grpc.aio.AioRpcError."""
        async with grpc.aio.insecure_channel(f"unix:{self.socket(pod)}") as channel:
            return await create(channel, token, request or csr(), **more)

    async def _account(self, namespace: str, name: str) -> None:
        key = Key(group="", kind="ServiceAccount", namespace=namespace, name=name)
        if key not in self.store.objects:
            await self.store.put(key, json.dumps({"metadata": {"name": name, "namespace": namespace}}).encode())

    async def _domains(self) -> frozenset[str]:
        return self.domains

    async def _policy(self) -> Policy:
        return Policy(trust_domain=DOMAIN)

    def _count(self, outcome: str) -> None:
        self.counted[outcome] += 1

    async def _arrive(self, _: Hashable) -> Callable[[], None]:
        return lambda: None

    async def _connect(
        self, identity: Callable[[], Proxy | None], node: Mapping[str, Any], _: Callable[[], None]
    ) -> Admitted:
        proxy = identity()
        self.connected.append(proxy.id if proxy else str(node.get("id")))
        return Admitted()


@asynccontextmanager
async def world(folder: Path) -> AsyncGenerator[World]:
    """Pods `cart` and `other` of the service accounts of these names, in namespace shop."""
    keys, store = FakeKeys(), FakeStore()
    late: list[World] = []

    def now() -> datetime:
        return late[0].now() if late else datetime.now(UTC)

    authorities = Authorities(keys, now=now)
    await authorities.open(DOMAIN)
    issuer = await open_issuer(keys, domain=DOMAIN, now=now)
    made = World(folder, authorities, issuer, store)
    late.append(made)
    await made.add_pod("cart", "cart")
    await made.add_pod("other", "other")
    try:
        yield made
    finally:
        await made.server.close_all()


@asynccontextmanager
async def tls_ports(one: World) -> AsyncGenerator[tuple[int, int]]:
    """The port for certificates by token, and the one for xDS over mutual TLS."""
    server, port = await serve_tls("127.0.0.1", 0, one.tls.secure(mutual=False), one.service.at_tls())
    mutual = await one.server.open_tls(
        "127.0.0.1", 0, one.tls.secure(mutual=True), one.service.admission(one.behind), one.service.at_mutual_tls()
    )
    try:
        yield port, mutual
    finally:
        await server.stop()


async def create(
    channel: grpc.aio.Channel, token: str | None, request: bytes, *, life: float = 0,
    metadata: tuple[tuple[str, object], ...] = (),
) -> tuple[str, ...]:  # fmt: skip
    """CreateCertificate over any channel. Raises grpc.aio.AioRpcError."""
    asking: Any = channel
    call: Any = asking.unary_unary(f"/{CERTIFICATES}/{CREATE}")
    message = encode_request(CertificateRequest(csr=request.decode(), life=Seconds(life), metadata=metadata))
    said = ((AUTHORIZATION, BEARER + token),) if token is not None else ()
    return decode_response(await call(message, metadata=said, timeout=10))


def trusting(port: int, roots: str, *, key: ec.EllipticCurvePrivateKey | None = None, chain: str = "") -> Any:
    """A channel to a TLS port; with a client certificate where one is given."""
    credentials = grpc.ssl_channel_credentials(
        roots.encode(), pem_of(key).encode() if key else None, chain.encode() if key else None
    )
    options = (("grpc.ssl_target_name_override", SERVER),)
    return partial(grpc.aio.secure_channel, f"127.0.0.1:{port}", credentials, options)()
