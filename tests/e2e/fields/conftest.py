"""One mesh for all tests of this package: an echo in two versions, and a client whose network the test enters.

It is taken down after them, so that the next package's mesh can have its networks.
"""

from collections.abc import Generator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from e2e.fields.inside import Inside
from e2e.fields.settings import Settings
from e2e.fields.world import World
from e2e.mesh import HERE, Mesh, host, missing

APPS = ("echo", "authorizer")
"""Programs that stand for images of their names."""


@pytest.fixture(scope="package")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Generator[Mesh]:
    if why := missing():
        pytest.skip(why)
    images = tmp_path_factory.mktemp("images") / "images.yaml"
    programs = (
        f"- image: example/{name}\n  entrypoint: ['{{python}}', '{HERE / 'apps' / name}.py']\n" for name in APPS
    )
    images.write_text("images:\n" + "".join(programs))
    found = Mesh(tmp_path_factory.mktemp("fields"))
    try:
        placed = tmp_path_factory.mktemp("manifests") / "client.yaml"
        written = (HERE / "manifests" / "client.yaml").read_text()
        placed.write_text(written.replace("labels: {app: client}\n", "labels: {app: client, istio-locality: eu.a}\n"))
        files = [HERE / "manifests" / "echo.yaml", placed, HERE / "manifests" / "fields.yaml"]
        plain = ("--insecure-registry", host())
        found.up("--keys-every", "1s", *plain, "--images", images, *(word for file in files for word in ("-f", file)))
        yield found
    finally:
        found.down()


@pytest.fixture(scope="package")
def client(mesh: Mesh) -> Generator[Inside]:
    inside = enter(mesh, "client-")
    yield inside
    inside.close()


@pytest.fixture(scope="module")
def folder() -> Generator[Path]:
    """Where every pod's proxy can read."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def world(mesh: Mesh, client: Inside) -> Generator[World]:
    """The mesh and the client, rid of what the test applied."""
    made = World(mesh, client)
    yield made
    made.clean()


@pytest.fixture
def settings(mesh: Mesh) -> Generator[Settings]:
    """The settings of the mesh, which are its defaults again afterwards."""
    made = Settings(mesh)
    yield made
    made.clean()


def enter(mesh: Mesh, prefix: str) -> Inside:
    """The network of a pod."""

    @cache
    def address(name: str) -> str:
        short, _, rest = name.partition(".")
        space = rest.partition(".")[0] or "default"
        return mesh.json("get", "service", short, "-n", space)["spec"]["clusterIP"]

    uid = mesh.json("get", "pod", mesh.pod(prefix))["metadata"]["uid"]
    return Inside(Path(mesh.state), uid, address)
