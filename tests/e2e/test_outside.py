"""Services outside the mesh, with names and certificates of their own: passed through, refused, or reached by name.

The outside is a network namespace with its own web server, DNS server and certificate (tests/e2e/outside.py).
"""

import json
from collections.abc import Generator
from urllib.parse import urlsplit

import pytest

from e2e.fields.shown import shows
from e2e.mesh import HERE, NETWORKING, SAMPLES, Mesh, eventually, missing
from e2e.outside import BOOKS, NAME, STORES, WILD, Outside, outside_world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def settings(mode: str) -> str:
    return (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\n"
        f'data: {{mesh: "outboundTrafficPolicy: {{mode: {mode}}}"}}\n'
    )


def entry(ports: str, resolution: str) -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata:\n  name: outside\nspec:\n"
        f"  hosts: [{NAME}]\n  ports: [{ports}]\n  resolution: {resolution}\n  location: MESH_EXTERNAL\n"
    )


TLS = "{number: 443, name: tls, protocol: TLS}"
HTTP = "{number: 80, name: http, protocol: HTTP}"
BOOKINFO = ("bookinfo-gateway", "bookinfo")
"""Documents that all tests need."""
ORIGINATED = "{number: 80, name: http, protocol: HTTP, targetPort: 443}"


TLS_WORDS = ("caCertificates", "clientCertificate", "insecureSkipVerify", "privateKey", "sni")
NAMED = """
apiVersion: v1
kind: Pod
metadata:
  name: named
  labels: {app: named}
  annotations:
    proxy.istio.io/config: "proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}"
spec:
  terminationGracePeriodSeconds: 2
  containers:
    - name: client
      image: curlimages/curl
      command: ["/bin/sleep", "infinity"]
"""
"""A workload whose questions for names the mesh answers."""


@pytest.fixture(scope="module")
def outside() -> Generator[Outside]:
    if why := missing():
        pytest.skip(why)
    with outside_world() as world:
        yield world


@pytest.fixture(scope="module")
def mesh(outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> Generator[Mesh]:
    """Bookinfo and a client, on a machine whose DNS server is the outside's; details v2 believes its certificate."""
    if not SAMPLES.is_dir():
        pytest.skip("needs ../shared/conformance/samples")
    named = outside.certificate.with_name("named.yaml")
    named.write_text(NAMED)
    images = outside.certificate.with_name("images.yaml")
    images.write_text(json.dumps({"images": [{
        "image": "*/examples-bookinfo-details-v2",
        "entrypoint": ["{python}", "-m", "meltemi.samples.bookinfo.details"],
        "args": ["9080"],
        "env": {"ENABLE_EXTERNAL_BOOK_SERVICE": "true", "SSL_CERT_FILE": str(outside.certificate)},
    }]}))  # fmt: skip
    mesh = Mesh(tmp_path_factory.mktemp("mesh"))
    mesh.before_up = outside.before_up
    samples = SAMPLES / "master/samples/bookinfo"
    try:
        mesh.up(
            "--images", images, "--egress-gateway", "-f", samples / "platform/kube/bookinfo.yaml",
            "-f", samples / "networking/bookinfo-gateway.yaml", "-f", HERE / "manifests/client.yaml", "-f", named,
        )  # fmt: skip
        yield mesh
    finally:
        mesh.down()


@pytest.fixture
def client(mesh: Mesh) -> Generator[str]:
    """A pod that calls; the mesh is as it was before, afterwards."""
    yield mesh.pod("client-")
    mesh.run("apply", "-f", "-", text=settings("ALLOW_ANY"))
    for kind in ("virtualservices", "gateways", "serviceentries", "destinationrules"):
        for item in mesh.json("get", kind)["items"]:
            if item["metadata"]["name"] not in BOOKINFO:
                mesh.run("delete", kind, item["metadata"]["name"])


def call(mesh: Mesh, pod: str, outside: Outside, url: str, *more: str) -> str:
    """What curl gets, or `refused`."""
    program = ("curl", "-s", "-m", "5", "--cacert", str(outside.certificate), "-w", "%{http_code}", *more, url)
    said = mesh.exec(pod, *program, status=(0, *range(1, 100)))
    return said if said.startswith("outside") else "refused"


FOUND = f"outside {NAME}\n200"


def test_what_nobody_knows_passes_through(mesh: Mesh, client: str, outside: Outside) -> None:
    assert call(mesh, client, outside, f"https://{NAME}/") == FOUND
    assert call(mesh, client, outside, f"http://{NAME}/") == FOUND
    assert call(mesh, client, outside, "http://nobody.example.com/") == "refused"


def test_with_registry_only_it_is_refused_until_a_service_entry_names_it(
    mesh: Mesh, client: str, outside: Outside
) -> None:
    mesh.run("apply", "-f", "-", text=settings("REGISTRY_ONLY"))
    eventually(lambda: call(mesh, client, outside, f"https://{NAME}/") == "refused", 10)
    assert call(mesh, client, outside, f"http://{NAME}/") == "refused"

    mesh.apply_text(entry(TLS, "NONE"))

    assert call(mesh, client, outside, f"https://{NAME}/") == FOUND
    assert call(mesh, client, outside, f"http://{NAME}/") == "refused"
    # Envoy forgets an address that was called, and its counts, some seconds after the last call.
    assert eventually(lambda: call(mesh, client, outside, f"https://{NAME}/") and _connections(mesh, client, 443), 60)


@pytest.mark.parametrize(("port", "url"), [(HTTP, f"http://{NAME}:80/"), (TLS, f"https://{NAME}:443/")])
def test_the_proxy_asks_for_the_name(mesh: Mesh, client: str, outside: Outside, port: str, url: str) -> None:
    mesh.apply_text(entry(port, "DNS"))

    assert eventually(lambda: call(mesh, client, outside, url).startswith(f"outside {NAME}"))
    assert _connections(mesh, client, urlsplit(url).port or 0) >= 1


def test_the_sidecar_encrypts_what_the_application_does_not(mesh: Mesh, client: str, outside: Outside) -> None:
    mesh.apply_text(entry(ORIGINATED, "DNS"))
    mesh.apply_text(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata:\n  name: outside\nspec:\n"
        f"  host: {NAME}\n"
        f"  trafficPolicy: {{tls: {{mode: SIMPLE, sni: {NAME}, caCertificates: {outside.certificate}}}}}\n"
    )

    assert eventually(lambda: call(mesh, client, outside, f"http://{NAME}/") == FOUND)


@shows("DestinationRule", *(f"trafficPolicy.tls.{word}" for word in TLS_WORDS))
def test_how_the_sidecar_encrypts(mesh: Mesh, client: str, outside: Outside) -> None:
    mesh.apply_text(entry(ORIGINATED, "DNS"))

    def said(tls: str) -> str:
        mesh.apply_text(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata:\n  name: outside\nspec:\n"
            f"  host: {NAME}\n  trafficPolicy: {{tls: {{{tls}}}}}\n"
        )
        return call(mesh, client, outside, f"http://{NAME}/tls").removesuffix("\n200")

    trusted = f"caCertificates: {outside.certificate}"
    own = f"clientCertificate: {outside.certificate}, privateKey: {outside.certificate.with_name('key.pem')}"
    assert said("mode: SIMPLE") == "refused"  # no authority of the system's made it
    assert said("mode: SIMPLE, insecureSkipVerify: true") == f"outside asked for {NAME} by nobody"
    assert said(f"mode: SIMPLE, {trusted}") == f"outside asked for {NAME} by nobody"
    assert said(f"mode: SIMPLE, {trusted}, sni: {WILD[0]}") == f"outside asked for {WILD[0]} by nobody"
    assert said(f"mode: MUTUAL, {trusted}, {own}") == f"outside asked for {NAME} by {outside.serial}"


def test_details_v2_has_its_book_from_outside(mesh: Mesh) -> None:
    assert json.loads(mesh.ask("/api/v1/products/0")[1])["publisher"] == "PublisherA"

    mesh.run("apply", "-f", SAMPLES / "master/samples/bookinfo/platform/kube/bookinfo-details-v2.yaml")
    mesh.ready("details-v2")
    mesh.apply(NETWORKING / "destination-rule-all.yaml", NETWORKING / "virtual-service-details-v2.yaml")

    books = [json.loads(mesh.ask("/api/v1/products/0")[1]) for _ in range(5)]
    assert {(book["publisher"], book["ISBN-10"]) for book in books} == {("Outside Press", "0486424618")}
    assert BOOKS not in mesh.run("get", "serviceentries", "-A")


WILDCARD = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: wild
spec:
  hosts: ["*.wild.example.com"]
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]
  resolution: DYNAMIC_DNS
"""
ELSEWHERE = "192.0.2.99"
"""Nobody lives there: who is reached all the same was reached by the name."""


def wildly(mesh: Mesh, pod: str, outside: Outside, url: str, *more: str) -> str:
    """As `call`, of a client that takes the name for an address where nobody lives."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return call(mesh, pod, outside, url, "--resolve", f"{parts.hostname}:{port}:{ELSEWHERE}", *more)


def test_hosts_of_a_wildcard_are_called_by_the_name_that_is_asked_for(
    mesh: Mesh, client: str, outside: Outside
) -> None:
    mesh.run("apply", "-f", "-", text=settings("REGISTRY_ONLY"))
    mesh.apply_text(WILDCARD)

    for name in WILD:
        for scheme in ("http", "https"):
            assert wildly(mesh, client, outside, f"{scheme}://{name}/") == f"outside {name}\n200"
    for scheme in ("http", "https"):
        assert wildly(mesh, client, outside, f"{scheme}://nobody.wild.example.com/") == "refused"
        assert call(mesh, client, outside, f"{scheme}://{NAME}/") == "refused"
    assert (
        wildly(mesh, client, outside, f"http://{WILD[0]}/", "-H", f"Host: {WILD[0]}:80") == f"outside {WILD[0]}:80\n200"
    )
    assert wildly(mesh, client, outside, f"http://{WILD[0]}/", "-H", f"Host: {WILD[0]}:7000") == "refused"


def test_the_sidecar_encrypts_what_goes_to_hosts_of_a_wildcard(mesh: Mesh, client: str, outside: Outside) -> None:
    mesh.apply_text(WILDCARD.replace("protocol: HTTP}", "protocol: HTTP, targetPort: 443}"))
    mesh.apply_text(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata:\n  name: wild\nspec:\n"
        f"  host: '*.wild.example.com'\n  trafficPolicy: {{portLevelSettings: [{{port: {{number: 80}}, "
        f"tls: {{mode: SIMPLE, caCertificates: {outside.certificate}}}}}]}}\n"
    )

    for name in WILD:
        assert eventually(lambda at=name: wildly(mesh, client, outside, f"http://{at}/") == f"outside {at}\n200")


def store(name: str, *, label: str = "", resolution: str = "DNS") -> str:
    """A service outside on port 7000, without an address."""
    short = name.partition(".")[0]
    return (
        f"---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        f"metadata:\n  name: {short}\n  labels: {{{label}}}\n"
        f"spec:\n  hosts: [{name}]\n  ports: [{{number: 7000, name: tcp, protocol: TCP}}]\n  resolution: {resolution}\n"
    )


def greeting(mesh: Mesh, pod: str, name: str) -> tuple[str, str]:
    """(what a pod takes a name for, who greets it there), each empty where there is none."""
    program = (
        "import socket,sys\n"
        "try: at=socket.gethostbyname(sys.argv[1])\n"
        "except OSError: at=''\n"
        "said=''\n"
        "try: said=socket.create_connection((at,7000),5).makefile().readline() if at else ''\n"
        "except OSError: pass\n"
        "print(at,said.strip().removeprefix('greetings from '),sep=',')"
    )
    at, said = mesh.exec(pod, "python3", "-c", program, name).strip().split(",")
    return at, said


def test_services_on_one_port_are_told_apart_by_addresses_of_the_mesh(mesh: Mesh, client: str) -> None:
    red, blue = STORES
    hidden = "hidden.stores.example.com"
    endpoints = f"STATIC\n  endpoints: [{{address: {STORES[blue]}}}]"
    mesh.apply_text(store(red) + store(blue) + store(hidden, resolution=endpoints))

    for name, at in ((red, STORES[red]), (blue, STORES[blue]), (hidden, STORES[blue])):
        eventually(lambda name=name: greeting(mesh, "named", name)[0].startswith("240.240."))
        assert eventually(lambda name=name: greeting(mesh, "named", name)[1]) == at
    assert len({greeting(mesh, "named", name)[0] for name in (red, blue, hidden)}) == 3
    assert greeting(mesh, client, red) == (STORES[red], STORES[blue])  # by the port alone: the first service has it
    assert greeting(mesh, client, hidden) == ("", "")

    mesh.apply_text(store(blue, label='networking.istio.io/enable-autoallocate-ip: "false"'))
    assert eventually(lambda: greeting(mesh, "named", blue)[0] == STORES[blue])


EGRESS = "istio-egressgateway.istio-system.svc.cluster.local"


def through_gateway(server: str, rules: str, *, host: str = NAME, policy: str = "") -> str:
    """The documents of Istio's tasks "Egress Gateways" and "Egress using Wildcard Hosts"."""
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: egress
spec:
  selector: {{istio: egressgateway}}
  servers: [{server}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: egressgateway
spec:
  host: {EGRESS}
  subsets: [{{name: outside{policy}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: through-egress
spec:
  hosts: ["{host}"]
  gateways: [egress, mesh]
{rules}
"""


def by_requests(port: int) -> str:
    """From sidecars on port 80 to the gateway, and from there to a port of the host."""
    return f"""
  http:
  - match: [{{gateways: [mesh], port: 80}}]
    route: [{{destination: {{host: {EGRESS}, subset: outside, port: {{number: 80}}}}}}]
  - match: [{{gateways: [egress], port: 80}}]
    route: [{{destination: {{host: {NAME}, port: {{number: {port}}}}}}}]
"""


def by_names(host: str, to: str) -> str:
    """The same for connections that name their host in TLS."""
    return f"""
  tls:
  - match: [{{gateways: [mesh], port: 443, sniHosts: ["{host}"]}}]
    route: [{{destination: {{host: {EGRESS}, subset: outside, port: {{number: 443}}}}}}]
  - match: [{{gateways: [egress], port: 443, sniHosts: ["{host}"]}}]
    route: [{{destination: {{host: "{to}", port: {{number: 443}}}}}}]
"""


def test_requests_leave_by_the_egress_gateway(mesh: Mesh, client: str, outside: Outside) -> None:
    mesh.apply_text(entry(HTTP, "DNS"))
    server = f"{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: [{NAME}]}}"

    mesh.apply_text(through_gateway(server, by_requests(80)))

    assert eventually(lambda: call(mesh, client, outside, f"http://{NAME}/") == FOUND)
    assert eventually(lambda: call(mesh, client, outside, f"http://{NAME}/") and _left_by_gateway(mesh, NAME, 80))


def test_the_egress_gateway_takes_mutual_tls_and_encrypts(mesh: Mesh, client: str, outside: Outside) -> None:
    mesh.apply_text(entry(f"{HTTP}, {{number: 443, name: https, protocol: HTTPS}}", "DNS"))
    server = f"{{port: {{number: 80, name: https, protocol: HTTPS}}, hosts: [{NAME}], tls: {{mode: ISTIO_MUTUAL}}}}"
    mutual = f"{{port: {{number: 80}}, tls: {{mode: ISTIO_MUTUAL, sni: {NAME}}}}}"
    mesh.apply_text(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata:\n  name: outside\nspec:\n"
        f"  host: {NAME}\n  trafficPolicy: {{portLevelSettings: [{{port: {{number: 443}}, "
        f"tls: {{mode: SIMPLE, sni: {NAME}, caCertificates: {outside.certificate}}}}}]}}\n"
    )

    policy = f", trafficPolicy: {{portLevelSettings: [{mutual}]}}"
    mesh.apply_text(through_gateway(server, by_requests(443), policy=policy))

    assert eventually(lambda: call(mesh, client, outside, f"http://{NAME}/") == FOUND)
    assert _left_by_gateway(mesh, NAME, 443)


@pytest.mark.parametrize("to", ["*.wild.example.com", WILD[1]])
def test_connections_to_a_wildcard_leave_by_the_egress_gateway(
    mesh: Mesh, client: str, outside: Outside, to: str
) -> None:
    """To the host that TLS names, or, whatever it names, to one server that has certificates for all."""
    fixed = entry(TLS, "DNS").replace(NAME, to).replace("name: outside", "name: fixed")
    mesh.apply_text(WILDCARD + ("" if to.startswith("*") else f"---\n{fixed}"))
    server = "{port: {number: 443, name: tls, protocol: TLS}, hosts: ['*.wild.example.com'], tls: {mode: PASSTHROUGH}}"

    mesh.apply_text(through_gateway(server, by_names("*.wild.example.com", to), host="*.wild.example.com"))

    assert eventually(lambda: wildly(mesh, client, outside, f"https://{WILD[0]}/") == f"outside {WILD[0]}\n200")
    assert eventually(lambda: wildly(mesh, client, outside, f"https://{WILD[0]}/") and _left_by_gateway(mesh, to, 443))


def _left_by_gateway(mesh: Mesh, host: str, port: int) -> int:
    """How many connections the egress gateway made to a host outside."""
    pods = mesh.json("get", "pods", "-n", "istio-system")["items"]
    pod = next(p["metadata"]["name"] for p in pods if p["metadata"]["name"].startswith("istio-egress"))
    return _connections(mesh, pod, port, host, "-n", "istio-system")


def _connections(mesh: Mesh, pod: str, port: int, host: str = NAME, *where: str) -> int:
    """How many connections a pod's Envoy made to a host, by its own count."""
    name = f"outbound|{port}||{host}"
    clusters = mesh.run("exec", *where, "-c", "istio-proxy", pod, "--", "pilot-agent", "request", "GET", "clusters")
    lines = [line for line in clusters.splitlines() if line.startswith(name) and "::cx_total::" in line]
    return sum(int(line.rpartition("::")[2]) for line in lines)
