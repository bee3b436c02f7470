"""The resolver of a pod: cluster names from the table, all others from the host's nameservers."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from meltemi.core.node.dns_table import dns_table, encode
from meltemi.core.node.services import Endpoint, Port, ServiceView
from meltemi.core.node.settings import NodeSettings
from meltemi.shell.runtime.dns import Upstream, serve_dns

HTTP = Port(name="http", number=80)
PODS = tuple(Endpoint(ip=f"198.18.1.{n}", ports=(HTTP,)) for n in range(2, 102))
VIEWS = (
    ServiceView(namespace="shop", name="web", cluster_ip="198.19.0.2", ports=(HTTP,)),
    ServiceView(namespace="shop", name="db", headless=True, endpoints=(Endpoint(ip="198.18.0.9", hostname="db-0"),)),
    ServiceView(namespace="shop", name="wide", headless=True, ports=(HTTP,), endpoints=PODS),
    ServiceView(namespace="shop", name="near", external_name="web.shop.svc.cluster.local"),
    ServiceView(namespace="shop", name="far", external_name="example.test"),
)


class Elsewhere(asyncio.DatagramProtocol):
    """A nameserver: every A is 192.0.2.7."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = dns.message.from_wire(data)
        said = dns.message.make_response(asked)
        said.answer.append(dns.rrset.from_text(asked.question[0].name, 60, "IN", "A", "192.0.2.7"))
        self.transport.sendto(said.to_wire(), addr)


class Dumb(asyncio.DatagramProtocol):
    """A nameserver that says nothing."""


def upstream(port: int) -> Upstream:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK), ("127.0.0.1", port)


@asynccontextmanager
async def resolver(table: Path, makers: Sequence[Callable[[], asyncio.DatagramProtocol]]) -> AsyncGenerator[int]:
    """The port at which a resolver answers."""
    loop = asyncio.get_running_loop()
    others = [await loop.create_datagram_endpoint(maker, local_addr=("127.0.0.1", 0)) for maker in makers]
    upstreams = [upstream(transport.get_extra_info("sockname")[1]) for transport, _ in others]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(serve_dns(table, ("127.0.0.1", port), upstreams))
        await asyncio.sleep(0.05)
        yield port
        task.cancel()
    for transport, _ in others:
        transport.close()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "dns.json"
    path.write_bytes(encode(dns_table(NodeSettings(), VIEWS)))
    return path


def ask(
    table: Path,
    name: str,
    kind: str = "A",
    *,
    others: Sequence[Callable[[], asyncio.DatagramProtocol]] = (Elsewhere,),
    tcp: bool = False,
) -> dns.message.Message:
    async def story() -> dns.message.Message:
        async with resolver(table, others) as port:
            query = dns.message.make_query(name, kind, use_edns=False)
            way = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
            return await way(query, "127.0.0.1", port=port, timeout=5)

    return asyncio.run(story())


def texts(message: dns.message.Message) -> list[str]:
    return [f"{dns.rdatatype.to_text(rrset.rdtype)} {data}" for rrset in message.answer for data in list[object](rrset)]


# fmt: off
NONE = list[str]()
WEB = "web.shop.svc.cluster.local."
CASES = {
    #                 name                                   type    → code      answers
    "cluster address": ("web.shop.svc.cluster.local",        "A",    "NOERROR",  ["A 198.19.0.2"]),
    "any case":        ("WEB.Shop.svc.Cluster.local",        "A",    "NOERROR",  ["A 198.19.0.2"]),
    "no IPv6":         ("web.shop.svc.cluster.local",        "AAAA", "NOERROR",  NONE),
    "headless":        ("db.shop.svc.cluster.local",         "A",    "NOERROR",  ["A 198.18.0.9"]),
    "a pod's own":     ("db-0.db.shop.svc.cluster.local",    "A",    "NOERROR",  ["A 198.18.0.9"]),
    "external":        ("far.shop.svc.cluster.local",        "A",    "NOERROR", ["CNAME example.test.", "A 192.0.2.7"]),
    "an alias within": ("near.shop.svc.cluster.local",       "A",    "NOERROR",  [f"CNAME {WEB}", "A 198.19.0.2"]),
    "named port":      ("_http._tcp.web.shop.svc.cluster.local", "SRV", "NOERROR", [f"SRV 0 100 80 {WEB}"]),
    "reverse":         ("2.0.19.198.in-addr.arpa",           "PTR",  "NOERROR",  [f"PTR {WEB}"]),
    "nobody's address":("3.0.19.198.in-addr.arpa",           "PTR",  "NXDOMAIN", NONE),
    "unknown":         ("no.shop.svc.cluster.local",         "A",    "NXDOMAIN", NONE),
    "searched for":    ("example.test.svc.cluster.local",    "A",    "NXDOMAIN", NONE),
    "only a parent":   ("shop.svc.cluster.local",            "A",    "NOERROR",  NONE),
    "others'":         ("example.test",                      "A",    "NOERROR",  ["A 192.0.2.7"]),
}
# fmt: on


@pytest.mark.parametrize(("name", "kind", "code", "answers"), CASES.values(), ids=CASES)
def test_answer(table: Path, name: str, kind: str, code: str, answers: list[str]) -> None:
    said = ask(table, name, kind)

    assert (dns.rcode.to_text(said.rcode()), texts(said)) == (code, answers)


def test_a_large_answer_is_cut_off_in_a_datagram(table: Path) -> None:
    said = ask(table, "wide.shop.svc.cluster.local")

    assert said.flags & dns.flags.TC


def test_a_large_answer_is_whole_over_tcp(table: Path) -> None:
    said = ask(table, "wide.shop.svc.cluster.local", tcp=True)

    assert len(texts(said)) == 100


def test_the_next_nameserver_is_asked_when_one_is_silent(table: Path) -> None:
    assert texts(ask(table, "example.test", others=(Dumb, Elsewhere))) == ["A 192.0.2.7"]


@pytest.mark.parametrize("others", [(), (Dumb,)], ids=["none", "silent"])
def test_without_an_answer_it_says_so(table: Path, others: tuple[type[asyncio.DatagramProtocol], ...]) -> None:
    assert ask(table, "example.test", others=others).rcode() == dns.rcode.SERVFAIL


def test_a_new_table_is_seen_at_once(table: Path) -> None:
    async def story() -> list[str]:
        async with resolver(table, ()) as port:
            query = dns.message.make_query("new.shop.svc.cluster.local", "A")
            assert (await dns.asyncquery.udp(query, "127.0.0.1", port=port, timeout=5)).rcode() == dns.rcode.NXDOMAIN
            view = ServiceView(namespace="shop", name="new", cluster_ip="198.19.0.3")
            draft = table.with_name("draft")
            draft.write_bytes(encode(dns_table(NodeSettings(), (view,))))
            draft.replace(table)
            return texts(await dns.asyncquery.udp(query, "127.0.0.1", port=port, timeout=5))

    assert asyncio.run(story()) == ["A 198.19.0.3"]
