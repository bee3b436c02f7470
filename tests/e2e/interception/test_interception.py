"""`pilot-agent istio-iptables` in a network namespace: which connections end where.

Three listeners stand for the application (9000), the way out (15001) and the way in (15006); each says its name. The
pod has the address POD on a veth; CLIENT is outside.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

pytestmark = pytest.mark.e2e

POD, CLIENT = "198.18.78.2", "198.18.78.1"
APP, OUT, IN = 9000, 15001, 15006
NAMES = {APP: "application", OUT: "outbound", IN: "inbound", 15021: "readiness"}

LISTEN = """
import selectors, socket, sys
chosen = selectors.DefaultSelector()
for port, name in {names}.items():
    server = socket.create_server(("0.0.0.0", port))
    chosen.register(server, selectors.EVENT_READ, name)
print("listening", flush=True)
while True:
    for key, _ in chosen.select():
        connection, _ = key.fileobj.accept()
        connection.sendall(key.data.encode())
        connection.close()
"""
ASK = """
import socket, sys
source, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
try:
    with socket.create_connection((host, port), 3, (source, 0) if source else None) as connection:
        print(connection.recv(100).decode())
except OSError as e:
    print("nobody")
"""


class Net:
    """A pod's namespace and a client's, joined by a veth."""

    def __init__(self, pod: str, client: str) -> None:
        self.pod, self.client = pod, client

    def run(self, where: str, *command: str, uid: int = 0) -> str:
        user = ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "--"] if uid else []
        argv = ["ip", "netns", "exec", where, *user, *command]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout

    def intercept(self, *flags: str) -> None:
        self.run(self.pod, sys.executable, "-m", "meltemi.apps.agent", "istio-iptables", *flags)

    def from_pod(self, host: str, port: int, *, uid: int = 1000, source: str = "") -> str:
        return self.run(self.pod, sys.executable, "-c", ASK, source, host, str(port), uid=uid).strip()

    def from_client(self, port: int) -> str:
        return self.run(self.client, sys.executable, "-c", ASK, "", POD, str(port)).strip()

    def rules(self) -> str:
        return self.run(self.pod, "iptables-save", "-t", "nat")


@pytest.fixture
def net() -> Iterator[Net]:
    if os.geteuid() != 0:
        pytest.skip("needs root for network namespaces")
    pod, client = f"icept-pod-{os.getpid()}", f"icept-cli-{os.getpid()}"
    with ExitStack() as stack:
        for name in (pod, client):
            subprocess.run(["ip", "netns", "add", name], check=True)
            stack.callback(subprocess.run, ["ip", "netns", "del", name], check=True)
        for line in (
            f"-n {pod} link add eth0 type veth peer name eth0 netns {client}",
            f"-n {pod} addr add {POD}/24 dev eth0",
            f"-n {client} addr add {CLIENT}/24 dev eth0",
            *(f"-n {n} link set {d} up" for n in (pod, client) for d in ("lo", "eth0")),
            f"-n {pod} route add default via {CLIENT}",
        ):
            subprocess.run(["ip", *line.split()], check=True)
        for name in (pod, client):
            argv = ["ip", "netns", "exec", name, sys.executable, "-c", LISTEN.format(names=NAMES)]
            listener = subprocess.Popen(argv, stdout=subprocess.PIPE)
            stack.callback(listener.wait)
            stack.callback(listener.kill)
            assert listener.stdout
            listener.stdout.readline()
        yield Net(pod, client)


EVERYTHING = ("-i", "*", "-x", "", "-b", "*", "-d", "15090,15021,15020", "-m", "REDIRECT", "-u", "1337")


def test_each_connection_ends_where_it_belongs(net: Net):
    net.intercept(*EVERYTHING)

    got = {
        "a client's": net.from_client(APP),
        "a client's to the readiness page": net.from_client(15021),
        "the application's, away": net.from_pod(CLIENT, APP),
        "the application's, to nobody's address": net.from_pod("198.19.0.9", APP),
        "the application's, to localhost": net.from_pod("127.0.0.1", APP),
        "the application's, to its own address": net.from_pod(POD, APP),
        "the proxy's, away": net.from_pod(CLIENT, APP, uid=1337),
        "the proxy's, back to its own pod": net.from_pod(POD, APP, uid=1337),
        "the proxy's, at the end of the way in": net.from_pod(POD, APP, uid=1337, source="127.0.0.6"),
        "the proxy's, to localhost": net.from_pod("127.0.0.1", APP, uid=1337),
    }

    assert got == {
        "a client's": "inbound",
        "a client's to the readiness page": "readiness",
        "the application's, away": "outbound",
        "the application's, to nobody's address": "outbound",
        "the application's, to localhost": "application",
        "the application's, to its own address": "application",
        "the proxy's, away": "application",
        "the proxy's, back to its own pod": "inbound",
        "the proxy's, at the end of the way in": "application",
        "the proxy's, to localhost": "application",
    }


def test_annotations_narrow_what_is_caught(net: Net):
    net.intercept("-i", f"{CLIENT}/32", "-b", "7000", "-o", str(15021))

    got = (net.from_client(APP), net.from_pod(CLIENT, APP), net.from_pod(CLIENT, 15021))

    assert got == ("application", "outbound", "readiness")


def test_excluded_ranges_and_interfaces_are_left_alone(net: Net):
    net.intercept("-i", "*", "-x", f"{CLIENT}/32", "-b", "*", "-c", "eth0")

    assert (net.from_client(APP), net.from_pod(CLIENT, APP)) == ("application", "application")


def test_a_second_run_leaves_one_set_of_rules(net: Net):
    net.intercept("-i", "*", "-b", "*", "-c", "eth1", "-k", "eth2")
    first = net.rules()

    net.intercept("-i", "*", "-b", "*", "-c", "eth1", "-k", "eth2")

    assert _without_counters(net.rules()) == _without_counters(first)


def test_a_run_with_other_flags_replaces_the_rules(net: Net):
    net.intercept(*EVERYTHING)

    net.intercept("-i", "", "-b", "")

    assert (net.from_client(APP), net.from_pod(CLIENT, APP)) == ("application", "application")


def _without_counters(saved: str) -> list[str]:
    lines = (line.partition(" [")[0] for line in saved.splitlines() if not line.startswith("#"))
    return sorted(lines)
