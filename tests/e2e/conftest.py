"""A Bookinfo mesh for each module of tests that asks for one: no two meshes with the same addresses at a time."""

import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from e2e.kube.kubectl import lacking
from e2e.mesh import SAMPLES, Mesh, missing

# A shell's background job ignores Ctrl-C and hands that on: what tests end by it would go on for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

EMBEDDED, KUBE = "embedded", "kube"
"""Where the mesh's objects are: what a module may ask for as the fixture's parameter."""


@pytest.fixture(scope="module")
def bookinfo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Mesh]:
    """Istio's own Bookinfo and its gateway, unmodified, with a client pod."""
    store = getattr(request, "param", EMBEDDED)
    if why := lacking() if store == KUBE else missing():
        pytest.skip(why)
    if not SAMPLES.is_dir():
        pytest.skip("needs ../shared/conformance/samples")
    mesh = Mesh(tmp_path_factory.mktemp("bookinfo"))
    samples = SAMPLES / "master/samples/bookinfo"
    client = Path(__file__).parent / "manifests/client.yaml"
    try:
        mesh.up(
            *(["--kube"] if store == KUBE else []),
            "-f", samples / "platform/kube/bookinfo.yaml",
            "-f", samples / "networking/bookinfo-gateway.yaml",
            "-f", client,
        )  # fmt: skip
        yield mesh
    finally:
        mesh.down()


@pytest.fixture
def clean(bookinfo: Mesh) -> Generator[Mesh]:
    """The Bookinfo mesh without any rule but the gateway's, before and after."""
    yield bookinfo
    for kind in ("virtualservices", "destinationrules", "serviceentries"):
        for item in bookinfo.json("get", kind)["items"]:
            if item["metadata"]["name"] != "bookinfo":
                bookinfo.run("delete", kind, item["metadata"]["name"])
