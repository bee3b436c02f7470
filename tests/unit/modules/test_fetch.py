"""Modules come from web servers and registries, are what was asked for, and lie where proxies read them."""

import asyncio
import gzip
import socket
from collections.abc import Generator
from hashlib import sha256
from pathlib import Path

import pytest

from fakes.fetched import FakeFetched
from key_server import KeyServer, http
from meltemi.core.model.module import FoundModule, ModuleSource, PullTerms
from meltemi.shell.fetching.reach import Reach
from meltemi.shell.fetching.web import FetchError
from meltemi.shell.modules.contents import MOST
from meltemi.shell.modules.fetch import MismatchError, ModuleFetcher, failed
from meltemi.shell.modules.files import ModuleFiles
from registry import DOCKER, INDEX, TOKEN, Registry, archive

MODULE = b"\0asm\1\0\0\0" + bytes(1000)
SUM = sha256(MODULE).hexdigest()
USER = "pull:secret"
BASIC = "cHVsbDpzZWNyZXQ="


@pytest.fixture
def server() -> Generator[KeyServer]:
    with KeyServer() as made:
        made.says["/module.wasm"] = MODULE
        yield made


def files_in(folder: Path) -> ModuleFiles:
    return ModuleFiles(folder / "modules", FakeFetched())


def fetched(folder: Path, url: str, digest: str = "", basic: str = "") -> bytes:
    """The bytes of the file that a proxy would read."""
    fetcher = ModuleFetcher(Reach(Path("none"), also=("127.0.0.1/32",)), files_in(folder), plain=("127.0.0.1",))

    async def run() -> FoundModule:
        return await fetcher.fetch(ModuleSource(url=url, sha256=digest), PullTerms(basic=basic))

    found = asyncio.run(run())
    return (folder / "modules" / f"{found.digest}.wasm").read_bytes()


def refused(folder: Path, url: str, digest: str = "", basic: str = "") -> str:
    with pytest.raises(FetchError) as caught:
        fetched(folder, url, digest, basic)
    return str(caught.value)


# === web servers ===


def test_a_module_is_a_file_that_nobody_can_change(server: KeyServer, tmp_path: Path) -> None:
    assert fetched(tmp_path, server.url("/module.wasm"), SUM) == MODULE
    (file,) = (tmp_path / "modules").iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == (f"{SUM}.wasm", 0o444)


def test_a_module_may_be_packed(server: KeyServer, tmp_path: Path) -> None:
    server.says["/gz"] = gzip.compress(MODULE)
    server.says["/tar"] = archive({"any.wasm": MODULE})
    assert fetched(tmp_path, server.url("/gz"), SUM) == MODULE
    assert fetched(tmp_path, server.url("/tar"), sha256(server.says["/tar"]).hexdigest()) == MODULE


def test_another_module_than_was_asked_for_is_refused(server: KeyServer, tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match=SUM):
        fetched(tmp_path, server.url("/module.wasm"), "0" * 64)
    assert list((tmp_path / "modules").iterdir()) == []


def test_what_is_no_module_is_refused(server: KeyServer, tmp_path: Path) -> None:
    server.says["/text"] = b"<html>not here</html>"
    server.says["/bomb"] = gzip.compress(bytes(MOST + 10))
    server.says["/torn"] = gzip.compress(MODULE)[:-20]
    assert refused(tmp_path, server.url("/text")) == "what came is no module of WebAssembly"
    assert refused(tmp_path, server.url("/bomb")) == "what came is larger than 64 MiB unpacked"
    assert refused(tmp_path, server.url("/torn")) == "what came cannot be unpacked"
    assert refused(tmp_path, server.url("/none")) == "the server answers 404"
    assert list((tmp_path / "modules").iterdir()) == []


def test_what_has_no_end_is_refused(server: KeyServer, tmp_path: Path) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(bytes(1 << 20))

    server.says["/endless"] = endless
    assert refused(tmp_path, server.url("/endless")) == "the answer is larger than 64 MiB"


def test_what_came_stays_though_the_server_is_away() -> None:
    before = FoundModule(digest=SUM)
    assert failed(before, FetchError("away")) == FoundModule(digest=SUM, fault="away")
    assert failed(None, MismatchError("other")) == FoundModule(fault="other", mismatch=True)


def test_files_that_nobody_wants_go_at_the_next_start(tmp_path: Path) -> None:
    memory: FakeFetched[ModuleSource, FoundModule] = FakeFetched()
    files = ModuleFiles(tmp_path, memory)
    one, two, gone = (ModuleSource(url=f"http://{name}") for name in ("one", "two", "gone"))
    for source, body in ((one, MODULE), (two, MODULE + b"2")):
        files.remember(source, FoundModule(digest=files.write(body)))
    files.remember(gone, FoundModule(digest="0" * 64))
    files.keep_only({one, gone})

    assert ModuleFiles(tmp_path, memory).known() == {one: FoundModule(digest=SUM)}
    assert [file.name for file in tmp_path.iterdir()] == [f"{SUM}.wasm"]


# === registries ===


def test_every_form_of_an_image(tmp_path: Path) -> None:
    with Registry() as registry:
        at = f"oci://{registry.name}/team/filter"
        artifact = registry.artifact("team/filter", "artifact", MODULE)
        registry.compat("team/filter", "compat", MODULE)
        docker = registry.compat("team/filter", "docker", MODULE, DOCKER)
        entry = {"mediaType": DOCKER, "digest": docker, "size": 1, "platform": {"architecture": "amd64"}}
        other = {**entry, "digest": artifact, "platform": {"architecture": "s390x"}}
        index = registry.manifest("team/filter", "latest", INDEX, {"manifests": [other, entry]})

        for tag in (":artifact", ":compat", ":docker", "", f"@{artifact}", f":docker@{artifact}"):
            assert fetched(tmp_path, at + tag) == MODULE, tag
        assert fetched(tmp_path, f"{at}:artifact", artifact.removeprefix("sha256:")) == MODULE
        for digest in (index, docker):
            assert fetched(tmp_path, at, digest.removeprefix("sha256:")) == MODULE
        assert refused(tmp_path, f"{at}:artifact", SUM).startswith("its checksum is ")


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_a_registry_that_asks_who_we_are(scheme: str, tmp_path: Path) -> None:
    with Registry(user=USER, scheme=scheme) as registry:
        registry.artifact("filter", "v1", MODULE)
        url = f"oci://{registry.name}/filter:v1"
        assert "imagePullSecret" in refused(tmp_path, url)
        assert fetched(tmp_path, url, basic=BASIC) == MODULE
        assert "/v2/filter/manifests/v1" in registry.asked
        if scheme == "Bearer":
            assert any("scope=repository%3Afilter%3Apull" in path for path in registry.asked)


def test_a_token_is_not_said_elsewhere(tmp_path: Path) -> None:
    with Registry(user=USER) as registry, Registry() as elsewhere:
        registry.artifact("filter", "v1", MODULE)
        elsewhere.blob(MODULE)
        registry.elsewhere = f"http://{elsewhere.name}"
        assert fetched(tmp_path, f"oci://{registry.name}/filter:v1", basic=BASIC) == MODULE
        assert f"Bearer {TOKEN}" in registry.saw
        assert elsewhere.saw == [""]


def test_what_a_registry_gets_wrong(tmp_path: Path) -> None:
    with Registry() as registry:
        registry.artifact("filter", "v1", MODULE)
        registry.manifest("filter", "empty", DOCKER, {"layers": []})
        registry.manifest("filter", "odd", DOCKER, {"layers": [{"digest": "md5:00"}]})
        registry.manifest("filter", "nothing", INDEX, {"manifests": []})
        without = {"mediaType": "x", **registry.blob(archive({"other.wasm": MODULE}))}
        registry.manifest("filter", "without", DOCKER, {"layers": [without]})
        at = f"oci://{registry.name}/filter"
        assert refused(tmp_path, f"{at}:none") == "the server answers 404"
        assert refused(tmp_path, f"{at}:empty") == "the image has no layers"
        assert "checksum" in refused(tmp_path, f"{at}:odd")
        assert refused(tmp_path, f"{at}:nothing") == "of several images none is meant"
        assert refused(tmp_path, f"{at}:without") == "there is no 'plugin.wasm' in the archive"
        assert refused(tmp_path, f"oci://{registry.name}/UPPER:v1").endswith("names no image")
        registry.spoilt = True
        assert refused(tmp_path, f"{at}:v1").startswith("something else came than sha256:")


def test_a_registry_is_asked_by_tls_unless_it_is_said(tmp_path: Path) -> None:
    fetcher = ModuleFetcher(Reach(Path("none"), also=("127.0.0.1/32",)), files_in(tmp_path))
    with Registry() as registry:
        registry.artifact("filter", "v1", MODULE)
        with pytest.raises(FetchError, match="TLS"):
            asyncio.run(fetcher.fetch(ModuleSource(url=f"oci://{registry.name}/filter:v1"), PullTerms()))


def test_an_answer_that_is_torn(server: KeyServer, tmp_path: Path) -> None:
    server.says["/torn"] = lambda connection: connection.sendall(http(MODULE)[:-5])
    assert refused(tmp_path, server.url("/torn")) == "the answer is no whole answer of HTTP"
