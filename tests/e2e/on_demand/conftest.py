"""One mesh with `--discovery ondemand` for all tests of this folder."""

from collections.abc import Generator

import pytest

from e2e.fields.conftest import enter
from e2e.fields.inside import Inside
from e2e.mesh import HERE, Mesh, missing
from e2e.on_demand import test_first_requests, test_on_demand
from e2e.on_demand.test_on_demand import service


@pytest.fixture(scope="package")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Generator[Mesh]:
    if why := missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("files")
    (folder / "images.yaml").write_text(
        f"images:\n- image: example/echo\n  entrypoint: ['{{python}}', '{HERE / 'apps/echo.py'}']\n"
    )
    hosts = (*test_on_demand.HOSTS, *test_first_requests.HOSTS)
    (folder / "services.yaml").write_text("".join(service(name) for name in hosts))
    files = [HERE / "manifests/echo.yaml", HERE / "manifests/client.yaml", folder / "services.yaml"]
    found = Mesh(tmp_path_factory.mktemp("on-demand"))
    try:
        found.up("--discovery", "ondemand", "--images", folder / "images.yaml", *(w for f in files for w in ("-f", f)))
        yield found
    finally:
        found.down()


@pytest.fixture(scope="module")
def client(mesh: Mesh) -> Generator[Inside]:
    inside = enter(mesh, "client-")
    yield inside
    inside.close()
