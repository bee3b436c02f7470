"""The ports for TLS, over real sockets: who gets in, and whose configuration he gets."""

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from envoy.service.discovery.v3 import discovery_pb2

from meltemi.core.identity.authority import Authority
from meltemi.core.identity.certificate import sign
from meltemi.core.identity.csr import Caller, Leaf, Policy, decide
from meltemi.core.model.units import Seconds
from meltemi.shell.servers.xds.server import SERVICE
from unit.ca.test_certificates import names, refused, run
from unit.ca.world import World, create, tls_ports, trusting
from unit.identity.pki import csr, p256, root, uri

Code = grpc.StatusCode
OWN = "spiffe://cluster.local/ns/shop/sa/cart"
NODE = "sidecar~198.18.0.9~cart.shop~shop.svc.cluster.local"


class Client:
    """A key and a certificate for it."""

    def __init__(self, one: World, signer: Authority | None = None, *, account: str = "cart", domain: str = "",
                 age: timedelta = timedelta()) -> None:  # fmt: skip
        self.key: ec.EllipticCurvePrivateKey = p256()
        self.roots = "".join(one.authorities.trust.roots)
        caller = Caller(namespace="shop", service_account=account, workload=account)
        policy = Policy(trust_domain=domain or "cluster.local")
        leaf = decide(csr(key=self.key), caller, policy, asked=Seconds(3600), now=one.now() - age)
        assert isinstance(leaf, Leaf)
        self.chain = sign(leaf, signer or one.authorities.signer, serial=1).decode()

    def channel(self, port: int) -> Any:
        return trusting(port, self.roots, key=self.key, chain=self.chain)


async def stream(channel: Any, node: str) -> None:
    """Ask for configuration and wait for what the server does; one that lets us in says nothing at all."""
    asking = channel.stream_stream(f"/{SERVICE}/DeltaAggregatedResources")
    call = asking(timeout=20)
    request = discovery_pb2.DeltaDiscoveryRequest(type_url="type.googleapis.com/envoy.config.cluster.v3.Cluster")
    request.node.id = node
    await call.write(request.SerializeToString())
    await call.read()


async def let_in(one: World, channel: Any, node: str) -> list[str]:
    """Whose configuration a connection gets."""
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(stream(channel, node))
        while not one.connected:
            assert not asking.done()
            await asyncio.sleep(0.01)
        asking.cancel()
    await channel.close()
    return one.connected


# === certificates by token ===


def test_an_agent_elsewhere_gets_a_certificate_by_its_token(tmp_path: Path):
    async def test(one: World) -> None:
        async with tls_ports(one) as (port, _):
            channel = trusting(port, "".join(one.authorities.trust.roots))
            chain = await create(channel, await one.token("cart", "cart"), csr(uri(OWN)))
            assert names(chain[0]) == [OWN, "cart.shop.workload"]
            await channel.close()

    run(tmp_path, test)


# fmt: off
BAD_TOKENS = {
    "none":             None,
    "nonsense":         "x",
    "wrong audience":   {"aud": ("vault",)},
    "expired":          {"exp": 1},
}
# fmt: on


@pytest.mark.parametrize("said", BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_attack_tokens_over_tls(tmp_path: Path, said: dict[str, Any] | str | None):
    async def test(one: World) -> None:
        async with tls_ports(one) as (port, _):
            channel = trusting(port, "".join(one.authorities.trust.roots))
            token = await one.token("cart", "cart", **said) if isinstance(said, dict) else said
            assert (await refused(create(channel, token, csr())))[0] is Code.UNAUTHENTICATED
            await channel.close()

    run(tmp_path, test)


def test_attack_a_token_over_tls_for_another_identity(tmp_path: Path):
    async def test(one: World) -> None:
        async with tls_ports(one) as (port, _):
            channel = trusting(port, "".join(one.authorities.trust.roots))
            request = csr(uri("spiffe://cluster.local/ns/shop/sa/other"))
            token = await one.token("cart", "cart")
            assert (await refused(create(channel, token, request)))[0] is Code.PERMISSION_DENIED
            await channel.close()

    run(tmp_path, test)


# === renewal by certificate ===


def test_a_certificate_is_renewed_by_itself_and_keeps_its_workload(tmp_path: Path):
    async def test(one: World) -> None:
        async with tls_ports(one) as (_, port):
            channel = Client(one).channel(port)
            chain = await create(channel, None, csr(uri(OWN)))
            assert names(chain[0]) == [OWN, "cart.shop.workload"]
            await channel.close()

    run(tmp_path, test)


def test_attack_renewal_for_another_identity(tmp_path: Path):
    async def test(one: World) -> None:
        async with tls_ports(one) as (_, port):
            channel = Client(one).channel(port)
            request = csr(uri("spiffe://cluster.local/ns/shop/sa/other"))
            assert (await refused(create(channel, None, request)))[0] is Code.PERMISSION_DENIED
            await channel.close()

    run(tmp_path, test)


def test_attack_renewal_for_a_service_account_that_is_gone(tmp_path: Path):
    async def test(one: World) -> None:
        async with tls_ports(one) as (_, port):
            channel = Client(one).channel(port)
            await one.remove("ServiceAccount", "cart")
            assert (await refused(create(channel, None, csr())))[0] is Code.UNAUTHENTICATED
            await channel.close()

    run(tmp_path, test)


# === who does not get in at all ===


def stranger(one: World, which: str, port: int) -> Any:
    """A channel with something wrong about it."""
    match which:
        case "another root":
            return Client(one, root(one.now())).channel(port)
        case "expired":
            return Client(one, age=timedelta(hours=2)).channel(port)
        case _:
            return trusting(port, "".join(one.authorities.trust.roots))


@pytest.mark.parametrize("which", ["no certificate", "another root", "expired"])
def test_attack_client_certificate(tmp_path: Path, which: str):
    async def test(one: World) -> None:
        async with tls_ports(one) as (_, port):
            for asks_certificate in (True, False):
                channel = stranger(one, which, port)
                asking = create(channel, None, csr()) if asks_certificate else stream(channel, NODE)
                assert (await refused(asking))[0] is Code.UNAVAILABLE
                await channel.close()
            assert one.connected == []

    run(tmp_path, test)


def test_attack_a_client_certificate_of_another_trust_domain(tmp_path: Path):
    """Of our own root, as when two meshes share one."""

    async def test(one: World) -> None:
        async with tls_ports(one) as (_, port):
            channel = Client(one, domain="elsewhere.org").channel(port)
            for asking in (create(channel, None, csr()), stream(channel, NODE)):
                code, said = await refused(asking)
                assert code is Code.PERMISSION_DENIED
                assert "elsewhere.org" in said
            await channel.close()

    run(tmp_path, test)


def test_an_alias_of_the_trust_domain_is_as_good(tmp_path: Path):
    async def test(one: World) -> None:
        one.domains |= {"old.name"}
        async with tls_ports(one) as (_, port):
            channel = Client(one, domain="old.name").channel(port)
            assert names((await create(channel, None, csr()))[0])[0] == OWN
            await channel.close()

    run(tmp_path, test)


def test_plain_text_gets_nobody_in(tmp_path: Path):
    async def test(one: World) -> None:
        async with tls_ports(one) as ports:
            for port in ports:
                async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                    token = await one.token("cart", "cart")
                    assert (await refused(create(channel, token, csr())))[0] is Code.UNAVAILABLE

    run(tmp_path, test)


# === whose configuration ===


def test_a_proxy_gets_the_configuration_of_its_own_pod(tmp_path: Path):
    async def test(one: World) -> None:
        async with tls_ports(one) as (_, port):
            assert await let_in(one, Client(one).channel(port), NODE) == ["cart.shop"]

    run(tmp_path, test)


# fmt: off
NODES = {
    "another workload":         ("sidecar~198.18.0.9~other.shop~shop.svc.cluster.local", "does not run as"),
    "another namespace":        ("sidecar~198.18.0.9~cart.prod~prod.svc.cluster.local", "namespace 'prod'"),
    "a pod that is not there":  ("sidecar~198.18.0.9~ghost.shop~shop.svc.cluster.local", "no pod"),
    "no pod at all":            ("cart", "namespace ''"),
    "nothing":                  ("", "namespace ''"),
}
# fmt: on


@pytest.mark.parametrize(("node", "said"), NODES.values(), ids=NODES)
def test_attack_node_id_of_another(tmp_path: Path, node: str, said: str):
    async def test(one: World) -> None:
        async with tls_ports(one) as (_, port):
            channel = Client(one).channel(port)
            code, why = await refused(stream(channel, node))
            assert code is Code.PERMISSION_DENIED
            assert said in why
            assert one.connected == []
            await channel.close()

    run(tmp_path, test)


def test_on_a_pods_socket_the_node_id_of_another_pod_is_not_believed(tmp_path: Path):
    async def test(one: World) -> None:
        channel = grpc.aio.insecure_channel(f"unix:{one.socket('cart')}")
        node = "sidecar~198.18.0.9~other.shop~shop.svc.cluster.local"
        assert await let_in(one, channel, node) == ["cart.shop"]

    run(tmp_path, test)


# === the control plane's own certificate ===


def test_after_a_rotation_the_next_connection_sees_the_new_authority(tmp_path: Path):
    async def test(one: World) -> None:
        async with tls_ports(one) as (port, mutual):
            old = Client(one)
            await one.authorities.forward()
            await one.authorities.forward()
            roots = "".join(one.authorities.signer.roots)
            channel = trusting(port, roots)  # the new root alone: the old server certificate would not do
            assert await create(channel, await one.token("cart", "cart"), csr())
            await channel.close()
            old.roots = roots
            channel = old.channel(mutual)  # a certificate of the old authority, which is trusted still
            assert await create(channel, None, csr())
            await channel.close()
            await one.authorities.forward()
            channel = old.channel(mutual)
            assert (await refused(create(channel, None, csr())))[0] is Code.UNAVAILABLE
            await channel.close()

    run(tmp_path, test)


def test_the_servers_certificate_is_renewed_before_it_ends(tmp_path: Path):
    async def test(one: World) -> None:
        async with tls_ports(one) as (port, _):
            for hours in (0, 13, 26):
                one.late = timedelta(hours=hours)
                pem = await asyncio.to_thread(_served, port)
                ends = x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
                assert ends - one.now() > timedelta(hours=11)

    run(tmp_path, test)


def _served(port: int) -> str:
    return ssl.get_server_certificate(("127.0.0.1", port))
