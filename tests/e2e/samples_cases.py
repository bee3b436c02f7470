"""Istio's samples beside Bookinfo's routing: what is applied before each file, and what it must do then.

Place:  tests/e2e · used by test_samples, samples_table
"""

import json
import os
import shutil
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from e2e.mesh import Mesh, eventually

MASTER, OLD = "master/samples", "0.8.0/samples"
KUBE, OLD_KUBE = f"{MASTER}/bookinfo/platform/kube", f"{OLD}/bookinfo/kube"
NETWORKING = f"{MASTER}/bookinfo/networking"
TCP_PORT = 31400
COUNT = 200
SLACK = 4.5
"""Bounds in standard deviations: one false alarm in 100,000."""

Look = Callable[[Mesh], None]


@dataclass(frozen=True, slots=True)
class Case:
    """One file of the samples."""

    look: Look
    before: tuple[str, ...] = ()
    """Files that it needs, applied first."""
    extra: str = ""
    """What it speaks of and no sample brings, as a manifest."""
    note: str = ""
    """For the table."""
    programs: tuple[str, ...] = ()
    """One of these must be on the machine."""

    def lacks(self) -> str:
        """Why it cannot run here; empty if it can."""
        path = f"{os.environ['PATH']}:/usr/sbin"
        found = not self.programs or any(shutil.which(one, path=path) for one in self.programs)
        return "" if found else f"needs {' or '.join(self.programs)}"


def from_client(mesh: Mesh, url: str, *more: str) -> str:
    """What a client in the mesh is answered, as soon as it is answered at all."""
    pod = mesh.pod("client-")
    return str(eventually(lambda: mesh.exec(pod, "curl", "-sf", *more, url, status=range(256)), 30))


def answers(url: str, *words: str) -> Look:
    """A client in the mesh is answered with these words."""

    def look(mesh: Mesh) -> None:
        body = from_client(mesh, url)
        assert [word for word in words if word not in body] == [], body

    return look


def met(url: str, *versions: str) -> Look:
    """Requests of a client meet all these versions of helloworld or reviews, and no other."""

    def look(mesh: Mesh) -> None:
        body = from_client(mesh, f"{url}?n=[1-60]")
        seen = {version for version in ("v1", "v2", "v3") if f"version: {version}" in body or f"-{version}-" in body}
        assert seen == set(versions), body

    return look


def at_the_gateway(path: str, *words: str) -> Look:
    """Who asks the gateway is answered with these words."""

    def look(mesh: Mesh) -> None:
        def asked() -> str:
            status, body = mesh.ask(path)
            return body if status == 200 else ""

        body = str(eventually(asked, 30))
        assert [word for word in words if word not in body] == [], body

    return look


def echoed(mesh: Mesh, host: str, port: int, text: str) -> str:
    """What tcp-echo makes of a line, asked by a client in the mesh until there is an answer."""
    return str(eventually(lambda: _once(mesh, host, port, text), 30))


def _once(mesh: Mesh, host: str, port: int, text: str) -> str:
    # The answer is read before the connection ends: Envoy drops who half-closes while it sniffs (docs/envoy.md).
    program = (
        "import socket,sys;c=socket.create_connection((sys.argv[1],int(sys.argv[2])),5);"
        "c.sendall(sys.argv[3].encode()+b'\\n');print(c.makefile().readline(),end='')"
    )
    return mesh.exec(mesh.pod("client-"), "python3", "-c", program, host, str(port), text, status=range(256))


def tcp_echo(*prefixes: str) -> Look:
    """Both named ports echo, with one of these prefixes; the port that the Service leaves out is reached by address."""

    def look(mesh: Mesh) -> None:
        wanted = {f"{prefix} world\n" for prefix in prefixes}
        for port in (9000, 9001):  # the pods of the case before have the same labels, and go
            eventually(lambda port=port: echoed(mesh, "tcp-echo", port, "world") in wanted, 30)
        eventually(lambda: _echoed_by_address(mesh, 9002, "world") in wanted, 30)

    return look


def _echoed_by_address(mesh: Mesh, port: int, text: str) -> str:
    """What the living pod of tcp-echo answers at its own address; pods that end have the same labels."""
    pods = [pod for pod in mesh.json("get", "pods")["items"] if pod["metadata"]["name"].startswith("tcp-echo")]
    living = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"] and "podIP" in pod["status"]]
    youngest = max(living, key=lambda pod: pod["metadata"]["creationTimestamp"])
    return _once(mesh, youngest["status"]["podIP"], port, text)


def tcp_at_the_gateway(mesh: Mesh) -> str:
    """The prefix with which the TCP port of the gateway answers; empty where nobody does."""
    host = mesh.json("get", "service", "istio-ingressgateway", "-n", "istio-system")["spec"]["clusterIP"]
    try:
        return _line(host)
    except OSError:
        return ""


def _line(host: str) -> str:
    with socket.create_connection((host, TCP_PORT), 10) as connection:
        connection.sendall(b"hi\n")
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile().read().partition(" ")[0]


def tcp_shares(**percents: int) -> Look:
    """Connections to the gateway's TCP port meet the prefixes in these proportions."""

    def look(mesh: Mesh) -> None:
        eventually(lambda: tcp_at_the_gateway(mesh), 30)
        host = mesh.json("get", "service", "istio-ingressgateway", "-n", "istio-system")["spec"]["clusterIP"]
        seen = Counter(_line(host) for _ in range(COUNT))
        assert set(seen) <= set(percents), seen
        for prefix, percent in percents.items():
            p = percent / 100
            assert abs(seen[prefix] - COUNT * p) <= SLACK * (COUNT * p * (1 - p)) ** 0.5, seen

    return look


def httpbin(mesh: Mesh) -> None:
    """It says who asked: with mutual TLS its sidecar adds who the client is."""
    headers = json.loads(from_client(mesh, "http://httpbin:8000/headers", "-H", "X-Who: me"))["headers"]
    assert str(headers["X-Who"]).strip("[']") == "me"
    assert "sa/client" in str(headers["X-Forwarded-Client-Cert"])
    pod = mesh.pod("client-")
    status = mesh.exec(pod, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://httpbin:8000/status/418")
    assert status == "418"


def client(name: str) -> Look:
    """The sample's client reaches helloworld."""

    def look(mesh: Mesh) -> None:
        pod = mesh.pod(f"{name}-")
        url = "http://helloworld:5000/hello"
        words = ("curl", "-sf", url)
        body = str(eventually(lambda: mesh.exec(pod, *words, container=name, status=range(256)), 30))
        assert body.startswith("Hello version: v")

    return look


def accounts(*pairs: str) -> Look:
    """Bookinfo's page is whole, and pods run as these accounts."""

    def look(mesh: Mesh) -> None:
        at_the_gateway("/productpage", "Book Details", "Book Reviews")(mesh)
        pods = mesh.json("get", "pods")["items"]
        seen = {f"{pod['metadata']['labels'].get('app')}:{pod['spec']['serviceAccountName']}" for pod in pods}
        assert seen >= set(pairs)

    return look


def status(url: str, *codes: int) -> Look:
    """A client that asks twenty times meets these status codes, all of them and no other."""

    def look(mesh: Mesh) -> None:
        pod = mesh.pod("client-")
        words = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}\n", f"{url}?n=[1-20]")
        said = mesh.exec(pod, *words).split()
        assert {int(code) for code in said} == set(codes)

    return look


PAGE = at_the_gateway("/productpage", "Book Details", "Book Reviews")
GATEWAY = f"{NETWORKING}/bookinfo-gateway.yaml"
BOOKINFO = f"{KUBE}/bookinfo.yaml"
DETAILS_URL = "http://details:9080/details/0"
BOOKS = "though the book service that it asks is on the Internet"
DETAILS = answers(DETAILS_URL, "William Shakespeare", "ISBN-10")
RATINGS = answers("http://ratings:9080/ratings/0", "Reviewer1")
CLUSTER = "as a Service of the cluster: the embedded node opens no port of the machine"
IPV4 = "over IPv4: the embedded node has no IPv6"
REVIEWS = """\
apiVersion: v1
kind: Service
metadata:
  name: reviews
spec:
  ports: [{name: http, port: 9080}]
  selector: {app: reviews}
"""
RESOLVER = """\
apiVersion: v1
kind: Service
metadata:
  name: cert-manager-resolver
  namespace: istio-system
spec:
  ports: [{name: http, port: 8089}]
  selector: {app: resolver}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: resolver
  namespace: istio-system
spec:
  selector: {matchLabels: {app: resolver}}
  template:
    metadata: {labels: {app: resolver}}
    spec:
      containers: [{name: app, image: istio-testing/app, args: ["--port", "8089"]}]
"""

# fmt: off
CASES: dict[str, Case] = {
    f"{MASTER}/tcp-echo/tcp-echo.yaml":            Case(tcp_echo("hello")),
    f"{MASTER}/tcp-echo/tcp-echo-ipv4.yaml":       Case(tcp_echo("hello")),
    f"{MASTER}/tcp-echo/tcp-echo-ipv6.yaml":       Case(tcp_echo("hello"), note=IPV4),
    f"{MASTER}/tcp-echo/tcp-echo-dual-stack.yaml": Case(tcp_echo("hello"), note=IPV4),
    f"{MASTER}/tcp-echo/tcp-echo-services.yaml":   Case(tcp_echo("one", "two")),
    f"{MASTER}/tcp-echo/tcp-echo-all-v1.yaml":
        Case(tcp_shares(one=100), (f"{MASTER}/tcp-echo/tcp-echo-services.yaml",)),
    f"{MASTER}/tcp-echo/tcp-echo-20-v2.yaml":
        Case(tcp_shares(one=80, two=20),
             (f"{MASTER}/tcp-echo/tcp-echo-services.yaml", f"{MASTER}/tcp-echo/tcp-echo-all-v1.yaml")),
    f"{MASTER}/helloworld/helloworld.yaml":        Case(met("http://helloworld:5000/hello", "v1", "v2")),
    f"{MASTER}/helloworld/helloworld-dual-stack.yaml":
        Case(met("http://helloworld:5000/hello", "v1", "v2"), note=IPV4),
    f"{MASTER}/helloworld/helloworld-gateway.yaml":
        Case(at_the_gateway("/hello", "Hello version: v"), (f"{MASTER}/helloworld/helloworld.yaml",)),
    f"{MASTER}/helloworld/gateway-api/helloworld-versions.yaml":
        Case(met("http://helloworld-v2:5000/hello", "v2"), (f"{MASTER}/helloworld/helloworld.yaml",)),
    f"{OLD}/helloworld/helloworld.yaml":           Case(at_the_gateway("/hello", "Hello version: v")),
    f"{MASTER}/httpbin/httpbin.yaml":              Case(httpbin),
    f"{MASTER}/httpbin/httpbin-nodeport.yaml":
        Case(httpbin, note=CLUSTER),
    f"{MASTER}/httpbin/httpbin-gateway.yaml":
        Case(at_the_gateway("/get?a=b", "X-Envoy-Attempt-Count"), (f"{MASTER}/httpbin/httpbin.yaml",)),
    f"{OLD}/httpbin/httpbin.yaml":                 Case(httpbin),
    f"{MASTER}/curl/curl.yaml":                    Case(client("curl"), (f"{MASTER}/helloworld/helloworld.yaml",)),
    f"{MASTER}/sleep/sleep.yaml":                  Case(client("sleep"), (f"{MASTER}/helloworld/helloworld.yaml",)),
    f"{OLD}/sleep/sleep.yaml":                     Case(client("sleep"), (f"{MASTER}/helloworld/helloworld.yaml",)),
    f"{KUBE}/bookinfo-psa.yaml":                   Case(PAGE, (GATEWAY,)),
    f"{KUBE}/bookinfo-dualstack.yaml":             Case(PAGE, (GATEWAY,), note=IPV4),
    f"{KUBE}/bookinfo-versions.yaml":              Case(met("http://reviews-v3:9080/reviews/0", "v3"), (BOOKINFO,)),
    f"{KUBE}/productpage-nodeport.yaml":
        Case(PAGE, (BOOKINFO, GATEWAY), note=CLUSTER),
    f"{KUBE}/bookinfo-details.yaml":               Case(DETAILS),
    f"{KUBE}/bookinfo-details-dualstack.yaml":     Case(DETAILS, note=IPV4),
    f"{KUBE}/bookinfo-ratings.yaml":               Case(RATINGS),
    f"{KUBE}/bookinfo-ratings-dualstack.yaml":     Case(RATINGS, note=IPV4),
    f"{KUBE}/bookinfo-ratings-discovery.yaml":     Case(RATINGS, (f"{KUBE}/bookinfo-ratings.yaml",)),
    f"{KUBE}/bookinfo-ratings-discovery-dualstack.yaml": Case(RATINGS, (f"{KUBE}/bookinfo-ratings.yaml",), note=IPV4),
    f"{KUBE}/bookinfo-reviews-v2.yaml":
        Case(met("http://reviews:9080/reviews/0", "v2"), (f"{KUBE}/bookinfo-ratings.yaml",), REVIEWS),
    f"{NETWORKING}/destination-rule-all-mtls.yaml": Case(PAGE, (BOOKINFO, GATEWAY)),
    f"{NETWORKING}/certmanager-gateway.yaml":
        Case(at_the_gateway("/.well-known/acme-challenge/x", "URL=/.well-known/acme-challenge/x"), extra=RESOLVER,
             note="with a stand-in for cert-manager's resolver"),
    f"{OLD_KUBE}/bookinfo.yaml":                   Case(PAGE, (f"{OLD}/bookinfo/routing/bookinfo-gateway.yaml",)),
    f"{OLD_KUBE}/bookinfo-add-serviceaccount.yaml":
        Case(accounts("productpage:bookinfo-productpage", "reviews:bookinfo-reviews"),
             (f"{OLD_KUBE}/bookinfo.yaml", GATEWAY)),
    f"{OLD_KUBE}/bookinfo-details.yaml":           Case(DETAILS),
    f"{OLD_KUBE}/bookinfo-details-v2.yaml":
        Case(status(DETAILS_URL, 200, 500), (f"{OLD_KUBE}/bookinfo-details.yaml",), note=BOOKS),
    f"{OLD}/bookinfo/routing/bookinfo-gateway.yaml": Case(PAGE, (BOOKINFO,)),
    f"{OLD}/bookinfo/routing/route-rule-details-v2.yaml":
        Case(status(DETAILS_URL, 500), (f"{OLD_KUBE}/bookinfo-details.yaml", f"{OLD_KUBE}/bookinfo-details-v2.yaml",
                                        f"{OLD}/bookinfo/routing/route-rule-all-v1.yaml"), note=BOOKS),
    f"{OLD_KUBE}/bookinfo-ratings.yaml":           Case(RATINGS),
    f"{OLD_KUBE}/bookinfo-ratings-discovery.yaml": Case(RATINGS, (f"{OLD_KUBE}/bookinfo-ratings.yaml",)),
    f"{OLD_KUBE}/bookinfo-reviews-v2.yaml":
        Case(met("http://reviews:9080/reviews/0", "v2"), (f"{OLD_KUBE}/bookinfo-ratings.yaml",), REVIEWS),
    f"{OLD}/bookinfo/routing/route-rule-all-v1-mtls.yaml": Case(PAGE, (BOOKINFO, GATEWAY)),
    f"{OLD}/bookinfo/routing/destination-policy-reviews.yaml": Case(PAGE, (BOOKINFO, GATEWAY)),
}
# fmt: on
