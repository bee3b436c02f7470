"""A change to STRICT, and the connections that are open when it comes."""

import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import pytest

from e2e.callers import Caller, peers
from e2e.mesh import HERE, Mesh, eventually, missing

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SOON = 10.0
"""Seconds: plenty for whatever ends at once, and well below the 38 s after which Envoy's drain ends everything."""
UNNAMED = 6001
"""A port that no Service names."""
LISTEN = (
    "import asyncio,sys\n"
    "async def echo(r, w):\n"
    " while line := await r.readline(): w.write(line); await w.drain()\n"
    "async def main():\n"
    " s = await asyncio.start_server(echo, '0.0.0.0', int(sys.argv[1])); print('listens', flush=True)\n"
    " await s.serve_forever()\n"
    "asyncio.run(main())"
)


def at_port(port: int, app: str = "talk") -> str:
    return peers(
        "PERMISSIVE", f"  selector: {{matchLabels: {{app: {app}}}}}\n  portLevelMtls: {{{port}: {{mode: STRICT}}}}\n"
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Generator[Mesh]:
    if why := missing():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("strict")
    images = folder / "images.yaml"
    images.write_text(f"images:\n- image: example/echo\n  entrypoint: ['{{python}}', '{HERE / 'apps/echo.py'}']\n")
    mesh = Mesh(folder / "state")
    try:
        mesh.up("--images", images, "-f", HERE / "manifests/streams.yaml", "-f", HERE / "manifests/client.yaml")
        yield mesh
    finally:
        mesh.down()


@pytest.fixture
def mesh(whole: Mesh) -> Generator[Mesh]:
    """The mesh without any policy, before and after."""
    yield whole
    for item in whole.json("get", "peerauthentications")["items"]:
        whole.run("delete", "peerauthentications", item["metadata"]["name"])


@pytest.fixture(scope="module")
def bare(whole: Mesh) -> str:
    return whole.pod("bare-")


@pytest.fixture(scope="module")
def client(whole: Mesh) -> str:
    return whole.pod("client-")


def address(mesh: Mesh, prefix: str) -> str:
    return mesh.json("get", "pod", mesh.pod(prefix))["status"]["podIP"]


@contextmanager
def listening(mesh: Mesh, *ports: int, app: str = "talk") -> Generator[None]:
    """Servers of lines in a pod, at ports that no Service names."""
    pod, servers = mesh.pod(f"{app}-"), list[subprocess.Popen[str]]()
    try:
        for port in ports:
            servers.append(mesh.start_exec(pod, sys.executable, "-c", LISTEN, str(port)))
            out = servers[-1].stdout
            assert out is not None
            assert out.readline().strip() == "listens"
        yield
    finally:
        mesh.exec(pod, "pkill", "-f", "start_server", status=(0, 1))
        for server in servers:
            server.kill()
            server.wait()


def opened(mesh: Mesh, pod: str, kind: str, host: str, port: int) -> Caller:
    """A connection on which something was said already."""
    caller = Caller(mesh, pod, kind, host, port)
    if kind in ("socket", "events"):
        assert caller.answer() in ("101", "200")
    if kind != "events":
        assert caller.ask("hello") in ("200", f"{host} hello", "hello")
    return caller


# === whoever speaks ===

SPEAKING = [("requests", 80), ("socket", 80), ("grpc", 9000), ("bytes", 7000)]


@pytest.mark.parametrize(("kind", "port"), SPEAKING)
def test_a_plain_connection_ends_when_its_caller_speaks(mesh: Mesh, bare: str, kind: str, port: int) -> None:
    with opened(mesh, bare, kind, "talk", port) as caller:
        mesh.apply_text(peers("STRICT"))
        assert caller.ask("again") == ""


def test_it_stays_where_the_port_is_left_out(mesh: Mesh, bare: str) -> None:
    with opened(mesh, bare, "socket", "talk", 80) as refused, opened(mesh, bare, "bytes", "talk", 7000) as served:
        mesh.apply_text(
            peers("STRICT", "  selector: {matchLabels: {app: talk}}\n  portLevelMtls: {7000: {mode: PERMISSIVE}}\n")
        )
        assert refused.ask("again") == ""
        assert served.ask("again") == "talk again"


def test_a_port_that_no_service_names(mesh: Mesh, bare: str) -> None:
    where = address(mesh, "talk-")
    with listening(mesh, UNNAMED), opened(mesh, bare, "bytes", where, UNNAMED) as caller:
        mesh.apply_text(at_port(UNNAMED))
        assert caller.ask("again") == ""


def test_ports_beside_it_are_served_again_at_once(mesh: Mesh, bare: str) -> None:
    where, beside = address(mesh, "talk-"), UNNAMED + 1
    with listening(mesh, UNNAMED, beside):
        mesh.apply_text(at_port(UNNAMED))
        with opened(mesh, bare, "bytes", where, beside) as caller:
            assert caller.ask("again") == "again"


# === whoever only listens ===

KINDS = [("socket", 80), ("events", 80), ("grpc", 9000), ("bytes", 7000)]


@pytest.mark.parametrize(("kind", "port"), KINDS)
def test_a_plain_connection_ends_although_its_caller_is_silent(mesh: Mesh, bare: str, kind: str, port: int) -> None:
    with opened(mesh, bare, kind, "talk", port) as caller:
        mesh.apply_text(peers("STRICT"))
        assert caller.ends(SOON)


@pytest.mark.parametrize(("kind", "port"), [("socket", 80), ("events", 80), ("bytes", 7000)])
def test_a_plain_caller_hears_no_more_of_a_server_that_goes_on(
    mesh: Mesh, bare: str, client: str, kind: str, port: int
) -> None:
    with opened(mesh, client, kind, "talk", port) as kept, opened(mesh, bare, kind, "talk", port) as cut:
        for caller in (kept, cut):
            assert kind == "events" or caller.ask("push") == "talk push"
            assert caller.hears()
        begin = time.monotonic()
        mesh.apply_text(peers("STRICT"))
        assert cut.ends(SOON)
        sys.stdout.write(f"{kind}: ended {time.monotonic() - begin:.1f} s after `apply` began\n")
        assert kept.hears()

        mesh.apply_text(peers("PERMISSIVE"))
        with opened(mesh, bare, kind, "talk", port) as served:
            assert kind != "events" or served.hears()
        assert kept.hears()


def test_it_goes_on_where_the_port_is_left_out(mesh: Mesh, bare: str) -> None:
    with opened(mesh, bare, "events", "talk", 80) as cut, opened(mesh, bare, "bytes", "talk", 7000) as kept:
        assert kept.ask("push") == "talk push"
        mesh.apply_text(
            peers("STRICT", "  selector: {matchLabels: {app: talk}}\n  portLevelMtls: {7000: {mode: PERMISSIVE}}\n")
        )
        assert cut.ends(SOON)
        assert kept.hears()


def test_ports_that_no_service_names(mesh: Mesh, bare: str) -> None:
    where = address(mesh, "talk-")
    with listening(mesh, UNNAMED), opened(mesh, bare, "bytes", where, UNNAMED) as caller:
        mesh.apply_text(peers("STRICT"))
        assert caller.ends(SOON)


def test_one_port_that_no_service_names_is_left_to_the_drain(mesh: Mesh, bare: str) -> None:
    where = address(mesh, "brief-")
    with listening(mesh, UNNAMED, app="brief"), opened(mesh, bare, "bytes", where, UNNAMED) as caller:
        mesh.apply_text(at_port(UNNAMED, app="brief"))
        assert caller.ends(SOON)


# === whoever has a sidecar ===

KEPT = [("requests", 80), ("socket", 80), ("grpc", 9000), ("bytes", 7000)]


def test_a_connection_between_sidecars_outlives_the_change_and_the_drain(mesh: Mesh, client: str) -> None:
    with ExitStack() as stack:
        kept = [stack.enter_context(opened(mesh, client, kind, "brief", port)) for kind, port in KEPT]
        listener = stack.enter_context(opened(mesh, client, "events", "brief", 80))
        for mode in ("STRICT", "PERMISSIVE", "STRICT"):
            mesh.apply_text(peers(mode))
            eventually(lambda: draining(mesh, mesh.pod("brief-")) == 0, 30)
            assert [c.ask("again") for c in kept] == ["200", *["brief again"] * 3]
        with pytest.raises(AssertionError):
            listener.ends(0.1)


def draining(mesh: Mesh, pod: str) -> int:
    """How many filter chains of a pod's Envoy wait for the end of their connections."""
    page = "stats?filter=total_filter_chains_draining"
    said = mesh.exec(pod, "pilot-agent", "request", "GET", page, container="istio-proxy")
    (line,) = said.splitlines()
    return int(line.rpartition(": ")[2])
