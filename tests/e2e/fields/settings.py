"""The mesh's settings while a test runs, and requests through the ingress gateway.

Place:  tests/e2e/fields · used by tests of MeshConfig and ProxyConfig
"""

from http.client import HTTPConnection
from urllib.parse import urlsplit

from e2e.fields.world import World
from e2e.mesh import Mesh

INGRESS = "selector: {istio: ingressgateway}\n"


class Settings:
    """The mesh's settings, while a test runs."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh

    def put(self, text: str) -> None:
        """Write them and return when every proxy has what follows."""
        data = "".join(f"    {line}\n" for line in text.strip("\n").splitlines())
        self.mesh.run(
            "apply", "-f", "-",
            text="apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: istio\n  namespace: istio-system\n"
            f"data:\n  mesh: |\n{data}",
        )  # fmt: skip
        self.mesh.run("wait", "configmap/istio", "-n", "istio-system", "--timeout", "20s")

    def clean(self) -> None:
        self.mesh.run("delete", "configmap", "istio", "-n", "istio-system", status=(0, 1))


def edge(world: World, to: str = "{host: echo, subset: one, port: {number: 80}}") -> None:
    """The ingress gateway leads to a destination: the first version of echo."""
    port = "port: {number: 80, name: http, protocol: HTTP}"
    world.apply("Gateway", "edge", f"{INGRESS}servers: [{{{port}, hosts: ['*']}}]")
    world.virtual_service(f"hosts: ['*']\ngateways: [edge]\nhttp: [{{route: [{{destination: {to}}}]}}]", name="edge")


def through(mesh: Mesh, path: str = "/", **headers: str) -> tuple[int, dict[str, str], str]:
    """One GET through the gateway: status, headers of the answer, and what the application said."""
    parts = urlsplit(mesh.address)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read().decode()
    finally:
        connection.close()


def seen(mesh: Mesh, **headers: str) -> dict[str, str]:
    """The headers that the application behind the gateway was sent."""
    lines = through(mesh, "/headers", **headers)[2].split("\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
