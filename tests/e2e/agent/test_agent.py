"""The agent beside a real Envoy: it starts it, answers for it, replaces it, and leaves without losing a request."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import ADDRESS, HERE, Pod, inbound, pilot_agent, until

pytestmark = pytest.mark.e2e

HTTP, TCP, APP = 8100, 8101, 9000
LOAD = """
import http.client, sys
connection, closed = http.client.HTTPConnection("127.0.0.1", {port}), 0
def ask():
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200
    return answer.getheader("connection") == "close"
ask()
print("begun", flush=True)
for _ in sys.stdin:
    closed += ask()
print("closed", closed)
"""
"""One request for each line of input; the last line says how often the proxy asked to close the connection."""
URL = f"http://127.0.0.1:{HTTP}"


@pytest.fixture
def served(pod: Pod) -> Pod:
    """A pod whose application is reached through its Envoy."""
    pod.start(sys.executable, str(HERE / "app.py"), str(APP))
    pod.control_plane(inbound(HTTP, APP))
    return pod


def envoy_pid(pod: Pod) -> int:
    until(lambda: pod.pids("envoy"))
    return pod.pids("envoy")[0]


def test_ready_only_when_configured(pod: Pod):
    pod.agent()
    until(lambda: pod.get("http://127.0.0.1:15020/healthz/ready")[0] == 503)
    assert not pod.is_ready()

    pod.control_plane(inbound(HTTP, APP))

    until(pod.is_ready)


def test_wait_returns_when_the_proxy_serves(served: Pod):
    served.agent()

    done = served.run(*pilot_agent("wait"))

    assert done.returncode == 0
    assert served.get(URL)[0] == 200


def test_envoy_has_the_proxys_user_and_no_capability(served: Pod):
    served.agent()
    pid = envoy_pid(served)

    status = Path(f"/proc/{pid}/status").read_text()

    assert re.search(r"^Uid:\t1337", status, re.MULTILINE)
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)


def test_a_killed_envoy_is_replaced_and_configured_again(served: Pod):
    served.agent()
    until(served.is_ready)
    first = envoy_pid(served)

    os.kill(first, signal.SIGKILL)

    until(lambda: served.get(URL)[0] == 200)
    assert envoy_pid(served) != first


def test_a_new_control_plane_is_heard(pod: Pod):
    for port in (APP, APP + 10):
        pod.start(sys.executable, str(HERE / "app.py"), str(port))
    first = pod.control_plane(inbound(HTTP, APP))
    pod.agent()
    until(pod.is_ready)
    served_first = pod.get(URL)[1]

    first.kill()
    first.wait()
    assert pod.get(URL) == (200, served_first)
    pod.control_plane(inbound(HTTP, APP + 10))

    until(lambda: pod.get(URL)[1] != served_first)


def test_envoy_dies_with_its_agent(served: Pod):
    agent = served.agent()
    until(served.is_ready)

    agent.kill()

    until(lambda: not served.pids("envoy"))


def test_the_application_is_probed_past_the_rules(served: Pod):
    """Nothing listens for caught connections here: a probe that is caught fails."""
    served.run(*pilot_agent("istio-iptables", "-i", "*", "-b", "*", "-d", "15090,15021,15020"))
    probe = {"httpGet": {"path": "/health", "port": APP, "httpHeaders": [{"name": "X-Probe", "value": "yes"}]}}
    probers = {
        "/app-health/app/livez": {"tcpSocket": {"port": APP + 1}},
        "/app-health/app/readyz": probe,
        "/app-health/app/startupz": {"tcpSocket": {"port": 1}},
    }
    served.agent(ISTIO_KUBE_APP_PROBERS=json.dumps(probers))
    until(served.is_ready)

    got = {p: served.get(f"http://127.0.0.1:15020{p}")[0] for p in [*probers, "/app-health/app/other"]}

    assert list(got.values()) == [200, 204, 500, 404]


def test_metrics_of_proxy_and_application_on_one_page(served: Pod):
    served.agent(ISTIO_PROMETHEUS_ANNOTATIONS=json.dumps({"scrape": "true", "port": str(APP), "path": "/metrics"}))
    until(served.is_ready)

    status, page = served.get("http://127.0.0.1:15020/stats/prometheus")

    assert status == 200
    assert "app_requests_total 7" in page
    assert "envoy_server_live" in page
    assert "# EOF" not in page


def test_a_request_under_way_survives_the_end(served: Pod):
    agent = served.agent()
    until(served.is_ready)
    slow = subprocess.Popen(served.argv("curl", "-s", "-w", "%{http_code}", f"{URL}/slow"), stdout=subprocess.PIPE)
    until(lambda: "downstream_rq_active: 1" in served.get("http://127.0.0.1:15000/stats?filter=inbound_8100")[1])

    _end(agent)

    assert slow.communicate()[0].endswith(b"200")
    assert agent.wait(20) == 0


def test_a_connection_under_way_survives_the_end(served: Pod):
    agent = served.agent()
    until(served.is_ready)
    talk = (
        "import socket,time\n"
        f"s=socket.create_connection(('127.0.0.1',{TCP}))\n"
        "for i in range(30):\n"
        "    s.sendall(b'x'); assert s.recv(9)==b'x'; time.sleep(.1); print(i, flush=True)\n"
    )
    talker = subprocess.Popen(served.argv(sys.executable, "-c", talk), stdout=subprocess.PIPE)
    assert talker.stdout
    talker.stdout.readline()

    _end(agent)

    assert talker.wait(20) == 0
    assert agent.wait(20) == 0


@pytest.mark.parametrize("role", ["sidecar", "router"])
def test_requests_while_draining_are_answered_and_asked_to_come_elsewhere(served: Pod, role: str):
    agent = served.agent(role)
    until(served.is_ready)

    _end(agent)
    until(lambda: served.get("http://127.0.0.1:15021/healthz/ready")[0] == 503)
    status, head = served.get(URL, "-i")

    assert status == 200
    assert "connection: close" in head.lower()


def test_listeners_stay_open_beyond_envoys_own_drain_time(served: Pod):
    config = {"configPath": str(served.folder / "proxy"), "terminationDrainDuration": "60s", "drainDuration": "1s"}
    agent = served.agent(PROXY_CONFIG=json.dumps(config))
    until(served.is_ready)

    _end(agent)
    time.sleep(2.5)

    assert served.get(URL)[0] == 200


def test_a_load_on_kept_connections_loses_nothing(served: Pod):
    """Clients that obey `Connection: close`, and leave before the end, see no failure."""
    config = {"configPath": str(served.folder / "proxy"), "terminationDrainDuration": "60s"}
    agent = served.agent(PROXY_CONFIG=json.dumps(config))
    until(served.is_ready)
    loads = [served.piped(sys.executable, "-c", LOAD.format(port=HTTP)) for _ in range(4)]
    for load in loads:
        assert load.stdout
        load.stdout.readline()  # It is under way.

    _end(agent)
    until(lambda: "draining" in served.get("http://127.0.0.1:15020/healthz/ready")[1])
    results = [load.communicate(b"\n" * 200, timeout=30)[0].split() for load in loads]

    assert [load.returncode for load in loads] == [0, 0, 0, 0]
    assert all(int(closed) > 0 for _, closed in results)


def test_only_the_pod_itself_can_end_its_agent(served: Pod):
    agent = served.agent()
    until(served.is_ready)

    refused = served.get(f"http://{ADDRESS}:15020/quitquitquit", "-X", "POST", "--interface", ADDRESS)[0]
    allowed = served.get("http://127.0.0.1:15020/quitquitquit", "-X", "POST")[0]

    assert (refused, allowed) == (403, 200)
    assert agent.wait(20) == 0


def test_request_asks_the_admin_interface(served: Pod):
    served.agent()
    until(served.is_ready)

    done = served.run(*pilot_agent("request", "GET", "server_info"))

    assert json.loads(done.stdout)["node"]["id"] == f"sidecar~{ADDRESS}~app.test~test.svc.cluster.local"


def _end(agent: subprocess.Popen[bytes]) -> None:
    # `ip netns exec` and `setpriv` replace themselves, so the process that was started is the agent.
    agent.send_signal(signal.SIGTERM)
