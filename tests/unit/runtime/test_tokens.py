"""Token files on disk: made before the pod starts, made anew in time, also by a node that takes over."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.tokens import FakeTokens
from meltemi.core.node.tokens import TokenFile, times
from meltemi.ports.tokens import TokenRefusedError
from meltemi.shell.runtime.pod_spec import Container, PodSpec, Volume
from meltemi.shell.runtime.tokens import VOLUMES, Tokens, write_volumes

FILE = TokenFile(
    volume="istio-token", path="deep/token", audience="istio-ca", life=600, mode=0o600, user=os.getuid(),
    group=os.getgid(),
)  # fmt: skip


@pytest.fixture
def source() -> FakeTokens:
    return FakeTokens()


def spec(place: Path, *tokens: TokenFile) -> PodSpec:
    folder = str(place / VOLUMES / "istio-token")
    volume = Volume(name="istio-token", host_path=folder, kept_outside=True, files=(("note", b"n", 0o644),))
    return PodSpec(
        uid="u", namespace="shop", name="web", hostname="web", address="", gateway="", interface="", resolv_conf="",
        hosts="", state="", service_account="cart", volumes=(volume,), tokens=tokens,
        containers=(Container(name="c", argv=("true",)),),
    )  # fmt: skip


def path(place: Path) -> Path:
    return place / VOLUMES / "istio-token/deep/token"


async def keep_until(tokens: Tokens, condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        keeping = tasks.create_task(tokens.keep())
        while not condition():  # noqa: ASYNC110  -- files are looked at
            await asyncio.sleep(0.01)
        keeping.cancel()


def test_it_is_there_before_the_pod_starts(tmp_path: Path, source: FakeTokens):
    asyncio.run(Tokens(source, tmp_path, spec(tmp_path, FILE)).begin())

    ((namespace, account, asked),) = source.asked
    assert (namespace, account, asked["spec"]["boundObjectRef"]["uid"]) == ("shop", "cart", "u")
    assert path(tmp_path).stat().st_mode & 0o777 == 0o600
    assert times(path(tmp_path).read_text())[1] > 0


def test_a_refusal_is_told(tmp_path: Path, source: FakeTokens):
    source.refusing = "there is no such route"

    with pytest.raises(TokenRefusedError, match="no such route"):
        asyncio.run(Tokens(source, tmp_path, spec(tmp_path, FILE)).begin())
    assert not path(tmp_path).exists()


def test_a_good_token_is_kept_when_the_pod_starts_again(tmp_path: Path, source: FakeTokens):
    for _ in range(2):
        asyncio.run(Tokens(source, tmp_path, spec(tmp_path, FILE)).begin())

    assert len(source.asked) == 1


def test_a_node_that_takes_over_makes_a_due_token_anew(tmp_path: Path, source: FakeTokens):
    source.made_before = 500
    asyncio.run(Tokens(source, tmp_path, spec(tmp_path, FILE)).begin())
    old, source.made_before = path(tmp_path).read_text(), 0

    asyncio.run(keep_until(Tokens(source, tmp_path, spec(tmp_path, FILE)), lambda: path(tmp_path).read_text() != old))

    assert len(source.asked) == 2


def test_the_old_token_stays_while_a_new_one_is_refused(tmp_path: Path, source: FakeTokens):
    source.made_before = 500
    asyncio.run(Tokens(source, tmp_path, spec(tmp_path, FILE)).begin())
    old, source.refusing = path(tmp_path).read_text(), "away"

    asyncio.run(keep_until(Tokens(source, tmp_path, spec(tmp_path, FILE)), lambda: len(source.asked) > 2))

    assert path(tmp_path).read_text() == old


def test_a_token_that_is_not_due_is_left_alone(tmp_path: Path, source: FakeTokens):
    async def wait() -> None:
        tokens = Tokens(source, tmp_path, spec(tmp_path, FILE))
        await tokens.begin()
        try:
            async with asyncio.timeout(1.5):
                await tokens.keep()
        except TimeoutError:
            return

    asyncio.run(wait())
    assert len(source.asked) == 1


def test_a_pod_without_tokens_keeps_nothing(tmp_path: Path, source: FakeTokens):
    asyncio.run(Tokens(source, tmp_path, spec(tmp_path)).keep())

    assert not source.asked


def test_a_link_where_the_draft_goes_leads_nowhere(tmp_path: Path, source: FakeTokens):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    path(tmp_path).parent.mkdir(parents=True)
    path(tmp_path).with_name(".token.new").symlink_to(victim)

    asyncio.run(Tokens(source, tmp_path, spec(tmp_path, FILE)).begin())

    assert victim.read_text() == "mine"


def test_other_files_of_the_volume_are_written(tmp_path: Path):
    write_volumes(spec(tmp_path, FILE))

    assert (tmp_path / VOLUMES / "istio-token/note").read_bytes() == b"n"
