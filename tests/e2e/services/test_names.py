"""Names are answered inside a pod, without the node and through the host's own way out."""

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from e2e.services.host import Host
from meltemi.core.node.dns_table import dns_table, encode
from meltemi.core.node.services import ServiceView
from meltemi.core.node.settings import NodeSettings

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")]

SETTINGS = NodeSettings(mesh_id="d25d25")
HERE = Path(__file__).parent
ASK = (
    "import sys,time,dns.exception,dns.query,dns.message\n"
    "q=dns.message.make_query(sys.argv[1],'A'); end=time.monotonic()+30\n"
    "while True:\n"
    "  try: print(dns.query.udp(q,'127.0.0.1',timeout=3).answer[0][0]); break\n"
    "  except (OSError,dns.exception.DNSException):\n"
    "    if time.monotonic()>end: raise\n"
    "    time.sleep(0.1)\n"
)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Generator[Host]:
    state = tmp_path_factory.mktemp("h5b-dns")
    view = ServiceView(namespace="default", name="web", cluster_ip="198.19.0.2")
    (state / "dns.json").write_bytes(encode(dns_table(SETTINGS, [view])))
    (state / "resolv.conf").write_text("nameserver 203.0.113.1\n")
    with Host("h5b-dns", SETTINGS) as host:
        pod = host.pod(2)
        host.start(sys.executable, str(HERE / "nameserver.py"), at=host.world())
        host.start(sys.executable, str(HERE / "resolver.py"), str(state / "dns.json"), str(state / "resolv.conf"), pod)
        yield host


@pytest.mark.parametrize(
    ("name", "address"), [("web.default.svc.cluster.local", "198.19.0.2"), ("example.test", "192.0.2.7")]
)
def test_a_pod_asks_its_own_resolver(host: Host, name: str, address: str) -> None:
    """The pod itself has no way out here: the question leaves through the socket from the host."""
    assert host.run(sys.executable, "-c", ASK, name, at="h5b-dns-2").strip() == address
