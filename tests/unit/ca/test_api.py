"""The API of the authority over a real socket: tokens bound to pods, and `meltemi ca` on top of it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from meltemi.apps.cli import cli
from meltemi.core.identity.refusal import Refusal
from meltemi.core.identity.rotation import Holding, Step, digest
from meltemi.core.identity.token import AUDIENCE, Claims
from meltemi.core.model.units import Seconds
from meltemi.shell.authorities import Authorities
from meltemi.shell.client import Client, RefusedError
from meltemi.shell.keys.files import FileKeys
from meltemi.shell.servers.api.app import create_app
from meltemi.shell.servers.api.serve import serve_unix
from meltemi.shell.servers.api.tokens import TokenRoutes
from meltemi.shell.servers.ca.control import Control
from unit.ca.test_follow import Agent, told
from unit.ca.world import World, world
from unit.identity.pki import intermediate, loaded, root_parts

FILES = {
    "ca_cert": "ca-cert.pem", "ca_key": "ca-key.pem", "root_cert": "root-cert.pem", "cert_chain": "cert-chain.pem"
}  # fmt: skip


class Asked:
    """A world whose API is served below its folder."""

    def __init__(self, one: World) -> None:
        self.world = one

    async def call(self, path: str, body: object) -> Any:
        client = Client(self.world.folder / "api.sock")
        return await asyncio.to_thread(client.call, "POST", path, body)

    async def token(self, account: str, spec: Mapping[str, Any]) -> Any:
        return await self.call(f"/api/v1/namespaces/shop/serviceaccounts/{account}/token", {"spec": spec})

    async def cli(self, *words: str) -> Result:
        arguments = ["ca", *words, "--state", str(self.world.folder)]
        return await asyncio.to_thread(CliRunner().invoke, cli, arguments, None, None, False)


@asynccontextmanager
async def served(folder: Path, expected: frozenset[str]) -> AsyncGenerator[Asked]:
    async with world(folder) as one, asyncio.TaskGroup() as tasks:
        control = Control(
            one.authorities, one.service.followers, expected=lambda: expected, told=told, now=one.now,
            usual_life=Seconds(86_400),
        )  # fmt: skip
        app = create_app(one.store, authority=control, tokens=TokenRoutes(one.store, one.issuer, one.now))
        server = tasks.create_task(serve_unix(app, folder / "api.sock"))
        while not (folder / "api.sock").exists():  # noqa: ASYNC110  (a socket tells nobody that it is there)
            await asyncio.sleep(0.01)
        yield Asked(one)
        server.cancel()


def run(folder: Path, test: Callable[[Asked], Coroutine[Any, Any, None]], *expected: str) -> None:
    async def body() -> None:
        async with asyncio.timeout(60), served(folder, frozenset(expected)) as asked:
            await test(asked)

    asyncio.run(body())


def bound(name: str, **more: str) -> dict[str, str]:
    return {"kind": "Pod", "apiVersion": "v1", "name": name, **more}


def test_a_token_that_was_asked_for_gets_a_certificate(tmp_path: Path):
    async def test(asked: Asked) -> None:
        uid = await asked.world.uid("Pod", "cart")
        spec = {"audiences": [AUDIENCE], "expirationSeconds": 900, "boundObjectRef": bound("cart", uid=uid)}
        answer = await asked.token("cart", spec)
        claims = asked.world.issuer.check(answer["status"]["token"], AUDIENCE)
        assert isinstance(claims, Claims)
        assert claims.exp - claims.iat == answer["spec"]["expirationSeconds"] == 900
        assert answer["kind"] == "TokenRequest"
        assert len(await asked.world.ask("cart", answer["status"]["token"])) == 2

    run(tmp_path, test)


def test_a_token_for_nobody_in_particular_is_for_the_api_and_proves_no_workload(tmp_path: Path):
    async def test(asked: Asked) -> None:
        token = (await asked.token("cart", {}))["status"]["token"]
        issuer = asked.world.issuer
        claims = issuer.check(token, issuer.name)
        assert isinstance(claims, Claims)
        assert claims.kubernetes.pod is None
        assert isinstance(issuer.check(token, AUDIENCE), Refusal)

    run(tmp_path, test)


# fmt: off
REFUSED: dict[str, tuple[str, dict[str, Any], int]] = {
    "no such account":          ("nobody", {}, 404),
    "no such pod":              ("cart", {"boundObjectRef": bound("nobody")}, 404),
    "an earlier pod":           ("cart", {"boundObjectRef": bound("cart", uid="0")}, 409),
    "a pod of another account": ("cart", {"boundObjectRef": bound("other")}, 400),
    "bound to a Secret":        ("cart", {"boundObjectRef": {"kind": "Secret", "name": "x"}}, 400),
    "too short a life":         ("cart", {"expirationSeconds": 5}, 422),
}
# fmt: on


@pytest.mark.parametrize(("account", "spec", "code"), REFUSED.values(), ids=REFUSED)
def test_no_token(tmp_path: Path, account: str, spec: dict[str, Any], code: int):
    async def test(asked: Asked) -> None:
        with pytest.raises(RefusedError) as caught:
            await asked.token(account, spec)
        assert caught.value.code == code

    run(tmp_path, test)


# === meltemi ca ===


def test_status_shows_who_signs_and_who_has_not_followed(tmp_path: Path):
    async def test(asked: Asked) -> None:
        said = await asked.cli("status")
        name = asked.world.authorities.signer.name
        assert said.exit_code == 0
        assert "steady: one authority is trusted and signs" in said.stdout
        assert f"{name}   signs" in said.stdout
        assert "cart.shop   " in said.stdout
        assert "is not connected to the authority" in said.stdout
        assert json.loads((await asked.cli("status", "-o", "json")).stdout)["signer"]["identifier"] == name
        before = ["ca", "--state", str(tmp_path), "-o", "json", "status"]
        said = await asyncio.to_thread(CliRunner().invoke, cli, before)
        assert json.loads(said.stdout)["signer"]["identifier"] == name

    run(tmp_path, test, "cart.shop")


def test_rotate_says_who_has_not_followed(tmp_path: Path):
    async def test(asked: Asked) -> None:
        said = await asked.cli("rotate", "--timeout", "50ms")
        assert said.exit_code == 1
        assert "cart.shop is not connected" in said.stderr
        assert asked.world.authorities.rotation.step is Step.STEADY

    run(tmp_path, test, "cart.shop")


def test_rotate_step_by_step_and_back(tmp_path: Path):
    async def test(asked: Asked) -> None:
        seen = [(await asked.cli("rotate", *more)).stdout.partition(":")[0] for more in ((), (), ("--back",), (), ())]
        assert seen == ["both-trusted", "new-signs", "both-trusted", "new-signs", "old-dropped"]

    run(tmp_path, test)


def test_rotate_all_there_and_back_with_an_agent_that_follows(tmp_path: Path):
    async def test(asked: Asked) -> None:
        agent, heard = Agent(asked.world), list[str]()

        async def follow() -> None:
            while True:
                trust = await agent.hear()
                heard.append(trust.signer)
                await agent.say(Holding(roots=digest(trust.roots), issuer=trust.signer))

        first = asked.world.authorities.signer.name
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(follow())
            there = await asked.cli("rotate", "--all")
            second = asked.world.authorities.signer.name
            back = await asked.cli("rotate", "--all", "--back")
            following.cancel()
        steps = [line.partition(":")[0] for line in (there.stdout + back.stdout).splitlines()]
        assert steps == ["both-trusted", "new-signs", "old-dropped", "new-signs", "both-trusted", "steady"]
        assert heard == [first, first, second, second, second, first, first]
        await agent.leave()

    run(tmp_path, test, "cart.shop")


def test_rotate_to_what_others_made_and_plug_in_another_of_its_root(tmp_path: Path):
    async def test(asked: Asked) -> None:
        above = loaded(root_parts(asked.world.now()), asked.world.now())
        one, other = (folder_of(tmp_path / name, above, asked.world) for name in ("one", "other"))
        assert (await asked.cli("rotate", "--all", "--to", str(one))).exit_code == 0
        first = asked.world.authorities.signer.name
        # Whether a mesh runs is told by its supervisor, which this one lacks: the API is asked directly.
        parts = {field: (other / file).read_text() for field, file in FILES.items()}
        answer = await asked.call("/meltemi/v1/ca/plug", parts)
        assert answer["signer"]["identifier"] == asked.world.authorities.signer.name != first
        stranger = root_parts(asked.world.now())
        with pytest.raises(RefusedError, match="another root"):
            await asked.call("/meltemi/v1/ca/plug", stranger)

    run(tmp_path, test)


def folder_of(folder: Path, above: Any, one: World) -> Path:
    """An intermediate as four files."""
    parts = intermediate(above, begins=one.now(), ends=above.not_after)
    folder.mkdir()
    for field, file in FILES.items():
        (folder / file).write_text(getattr(parts, field))
    return folder


def test_plug_where_no_mesh_runs(tmp_path: Path):
    """What was plugged in is what the mesh starts with."""

    async def test(asked: Asked) -> None:
        above = loaded(root_parts(asked.world.now()), asked.world.now())
        folder, state = folder_of(tmp_path / "own", above, asked.world), tmp_path / "state"
        words = ["ca", "plug", str(folder), "--state", str(state)]
        said = await asyncio.to_thread(CliRunner().invoke, cli, words)
        assert said.exit_code == 0, said.output
        started = Authorities(FileKeys(state / "ca"), now=asked.world.now)
        await started.open("cluster.local")
        assert started.trust.roots == above.roots
        assert started.signer.name in said.stdout
        (state / "settings.json").write_text("{}")
        again = await asyncio.to_thread(CliRunner().invoke, cli, words)
        assert "was not taken down" in str(again.exception)

    run(tmp_path, test)
