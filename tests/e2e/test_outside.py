"""Services outside the mesh, with names and certificates of their own: passed through, refused, or reached by name.

The outside is a network namespace with its own web server, DNS server and certificate (tests/e2e/outside.py).
"""

import json
from collections.abc import Generator
from urllib.parse import urlsplit

import pytest

from e2e.mesh import HERE, NETWORKING, SAMPLES, Mesh, eventually, missing
from e2e.outside import BOOKS, NAME, Outside, outside_world

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
ORIGINATED = "{number: 80, name: http, protocol: HTTP, targetPort: 443}"


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
            "--images", images, "-f", samples / "platform/kube/bookinfo.yaml",
            "-f", samples / "networking/bookinfo-gateway.yaml", "-f", HERE / "manifests/client.yaml",
        )  # fmt: skip
        yield mesh
    finally:
        mesh.down()


@pytest.fixture
def client(mesh: Mesh) -> Generator[str]:
    """A pod that calls; the mesh is as it was before, afterwards."""
    yield mesh.pod("client-")
    mesh.run("apply", "-f", "-", text=settings("ALLOW_ANY"))
    for kind in ("serviceentries", "destinationrules"):
        for item in mesh.json("get", kind)["items"]:
            mesh.run("delete", kind, item["metadata"]["name"])


def call(mesh: Mesh, pod: str, outside: Outside, url: str) -> str:
    """What curl gets, or `refused`."""
    program = ("curl", "-s", "-m", "5", "--cacert", str(outside.certificate), "-w", "%{http_code}", url)
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
    assert _connections(mesh, client, 443) >= 1


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


def test_details_v2_has_its_book_from_outside(mesh: Mesh) -> None:
    assert json.loads(mesh.ask("/api/v1/products/0")[1])["publisher"] == "PublisherA"

    mesh.run("apply", "-f", SAMPLES / "master/samples/bookinfo/platform/kube/bookinfo-details-v2.yaml")
    mesh.ready("details-v2")
    mesh.apply(NETWORKING / "destination-rule-all.yaml", NETWORKING / "virtual-service-details-v2.yaml")

    books = [json.loads(mesh.ask("/api/v1/products/0")[1]) for _ in range(5)]
    assert {(book["publisher"], book["ISBN-10"]) for book in books} == {("Outside Press", "0486424618")}
    assert BOOKS not in mesh.run("get", "serviceentries", "-A")


def _connections(mesh: Mesh, pod: str, port: int) -> int:
    """How many connections the client's Envoy made for the service, by its own count."""
    name = f"outbound|{port}||{NAME}"
    clusters = mesh.exec(pod, "pilot-agent", "request", "GET", "clusters", container="istio-proxy")
    lines = [line for line in clusters.splitlines() if line.startswith(name) and "::cx_total::" in line]
    return sum(int(line.rpartition("::")[2]) for line in lines)
