"""The workload's certificate, from an authority over the agent to a real Envoy: given, renewed, kept, refused."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from e2e.identity.conftest import identity, until, write_token
from e2e.identity.envoy import BareEnvoy, bare_envoy
from fakes.authority import FakeAuthority
from meltemi.core.model.units import Seconds
from meltemi.shell.agent import certificates, sds_wire
from meltemi.shell.agent.identity import Identity
from meltemi.shell.agent.sds import SdsServer
from meltemi.shell.agent.secrets import AUTHORITIES, CERTIFICATE, Secrets
from unit.identity.pki import root

pytestmark = pytest.mark.e2e

MINUTE = timedelta(minutes=1)


@asynccontextmanager
async def served(
    folder: Path, *, delta: bool = True, env: Mapping[str, str] | None = None, **authority: object
) -> AsyncGenerator[tuple[FakeAuthority, Identity, BareEnvoy]]:
    """An authority (its attributes set so), an agent's identity, and an Envoy that has its certificate."""
    write_token(folder, "good")
    source = FakeAuthority(folder / "xds.sock")
    for name, value in authority.items():
        setattr(source, name, value)
    await source.start()
    try:
        async with identity(source, **(env or {})) as own:
            with bare_envoy(folder / "sds.sock", folder, delta=delta) as envoy:
                await until(lambda: envoy.serial() in source.serials)
                yield source, own, envoy
    finally:
        await source.stop()


@pytest.mark.parametrize("delta", [True, False], ids=["delta", "state of the world"])
def test_envoy_gets_its_certificate_and_whom_to_trust(tmp_path: Path, delta: bool):
    async def test() -> None:
        async with served(tmp_path, delta=delta) as (authority, own, envoy):
            (shown,) = await asyncio.to_thread(envoy.certificates)
            assert shown["cert_chain"][0]["serial_number"].lstrip("0") == authority.serials[0]
            assert {"uri": "spiffe://cluster.local/ns/shop/sa/cart"} in shown["cert_chain"][0]["subject_alt_names"]
            assert len(shown["ca_cert"]) == 1
            await until(lambda: own.waits_for() == "")
            await until(authority.says_to_trust)
            assert authority.held[-1].issuer == authority.signer.name
            assert set(own.remaining()) == {CERTIFICATE, AUTHORITIES}

    asyncio.run(test())


def test_envoy_takes_rsa_too(tmp_path: Path):
    async def test() -> None:
        async with served(tmp_path, env={"WORKLOAD_RSA_KEY_SIZE": "2048"}) as (authority, own, envoy):
            await until(lambda: own.waits_for() == "")
            assert await asyncio.to_thread(envoy.serial) == authority.serials[0]

    asyncio.run(test())


def test_a_listener_that_lost_patience_is_mended_by_the_secret(tmp_path: Path):
    write_token(tmp_path, "good")

    async def test() -> None:
        authority = FakeAuthority(tmp_path / "xds.sock")
        await authority.start()
        with bare_envoy(tmp_path / "sds.sock", tmp_path, delta=True, patience="0.2s") as envoy:
            await until(envoy.listens)
            assert await asyncio.to_thread(envoy.serial) == ""
            async with identity(authority):
                await until(lambda: envoy.serial() in authority.serials)
        await authority.stop()

    asyncio.run(test())


def test_a_listener_waits_for_its_secrets(tmp_path: Path):
    write_token(tmp_path, "expired")

    async def test() -> None:
        authority = FakeAuthority(tmp_path / "xds.sock")
        await authority.start()
        async with identity(authority) as own:
            with bare_envoy(tmp_path / "sds.sock", tmp_path, delta=True) as envoy:
                await until(lambda: authority.refusals > 1)
                assert not await asyncio.to_thread(envoy.listens)
                write_token(tmp_path, "good")
                await until(lambda: envoy.serial() in authority.serials)
                await until(lambda: own.waits_for() == "")
        await authority.stop()

    asyncio.run(test())


@pytest.mark.parametrize("delta", [True, False], ids=["delta", "state of the world"])
def test_twenty_rotations_are_taken_and_nobody_is_turned_away(tmp_path: Path, delta: bool):
    async def test() -> None:
        async with served(tmp_path, delta=delta, life=timedelta(seconds=1)) as (authority, own, envoy):
            failures = 0
            while len(authority.serials) <= 20:
                failures += not await asyncio.to_thread(envoy.serial)
            authority.life = timedelta(hours=24)
            await until(lambda: envoy.serial() == authority.serials[-1] and own.waits_for() == "")
            stats = await asyncio.to_thread(envoy.stats, "update")
            assert failures == 0
            assert sum(value for name, value in stats.items() if name.endswith("ssl_context_update_by_sds")) >= 20
            assert sum(value for name, value in stats.items() if "reject" in name or "failure" in name) == 0

    asyncio.run(test())


def test_the_old_certificate_serves_until_the_authority_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # So slow that only the authority's return, seen by the stream of trust, can bring the renewal.
    for bound in ("FIRST_RETRY", "LAST_RETRY"):
        monkeypatch.setattr(certificates, bound, Seconds(10_000))

    async def test() -> None:
        # A small part of its life is over in the next moments, and the authority goes before that.
        early = {"SECRET_GRACE_PERIOD_RATIO": "0.975", "SECRET_GRACE_PERIOD_RATIO_JITTER": "0"}
        async with served(tmp_path, env=early, life=2 * MINUTE) as (authority, own, envoy):
            await authority.stop()
            old = authority.serials[-1]
            await until(lambda: own.failures > 0)
            assert await asyncio.to_thread(envoy.serial) == old
            assert own.waits_for() == ""
            await authority.start()
            await until(lambda: envoy.serial() == authority.serials[-1] != old)
            assert own.failures == 0

    asyncio.run(test())


def test_a_short_life_without_renewal_is_a_finding(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    async def test() -> None:
        async with served(tmp_path, life=timedelta(seconds=3)) as (authority, own, envoy):
            await authority.stop()
            await until(lambda: own.remaining()[CERTIFICATE] < 0)
            await until(lambda: "finding: the certificate expires" in (said.append(capfd.readouterr().err) or said[-1]))
            assert await asyncio.to_thread(envoy.serial) == authority.serials[-1]

    said: list[str] = []
    asyncio.run(test())


def test_a_new_signer_brings_a_new_certificate_after_its_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(certificates, "SOON", Seconds(0.1))

    async def test() -> None:
        async with served(tmp_path) as (authority, own, envoy):
            old, new = authority.signer, root(datetime.now(UTC))
            await authority.trust(old, new, signer=old)
            await until(authority.says_to_trust)
            assert len(authority.serials) == 1
            await authority.trust(old, new, signer=new)
            await until(lambda: envoy.serial() == authority.serials[-1] and len(authority.serials) == 2)
            await until(lambda: authority.held[-1].issuer == new.name)
            await authority.trust(new, signer=new)
            await until(authority.says_to_trust)
            await until(lambda: own.waits_for() == "")
            (shown,) = await asyncio.to_thread(envoy.certificates)
            assert len(shown["ca_cert"]) == 1
            assert len(authority.serials) == 2

    asyncio.run(test())


def test_nobody_but_the_proxys_user_may_ask_for_secrets(tmp_path: Path):
    connect = f"import socket; socket.socket(socket.AF_UNIX).connect({str(tmp_path / 'sds.sock')!r})"

    async def test() -> None:
        async with SdsServer(Secrets()).listening(tmp_path / "sds.sock"):
            for folder in (tmp_path, *list(tmp_path.parents)[:2]):
                folder.chmod(0o755)
            program = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", sys.executable, "-c"]
            run = asyncio.to_thread(subprocess.run, [*program, connect], capture_output=True, text=True, check=False)
            assert "PermissionError" in (await run).stderr
            own = asyncio.to_thread(subprocess.run, [sys.executable, "-c", connect], check=False)
            assert (await own).returncode == 0

    asyncio.run(test())


def test_what_envoy_refuses_is_told_and_the_secret_before_it_serves(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    async def test() -> None:
        async with served(tmp_path) as (authority, own, envoy):
            bad = sds_wire.certificate(CERTIFICATE, chain=b"no certificate", key=b"no key")
            own.secrets.put(CERTIFICATE, bad)
            await until(lambda: own.server.refused)
            assert await asyncio.to_thread(envoy.serial) == authority.serials[-1]
            assert own.server.refused == 1

    asyncio.run(test())
    said = capfd.readouterr().err
    assert "finding: envoy refuses a secret" in said
    assert "no key" not in said


def test_a_short_life_that_began_long_ago_is_not_renewed_at_once(tmp_path: Path):
    async def test() -> None:
        life = 3 * MINUTE
        async with served(tmp_path, life=life, begun=life - timedelta(seconds=60)) as (authority, _own, envoy):
            await asyncio.sleep(1)
            assert len(authority.serials) == 1
            assert await asyncio.to_thread(envoy.serial) == authority.serials[0]

    asyncio.run(test())


def test_a_certificate_for_another_key_is_not_taken(tmp_path: Path):
    write_token(tmp_path, "good")

    async def test() -> None:
        authority = FakeAuthority(tmp_path / "xds.sock")
        authority.foreign_key = True
        await authority.start()
        async with identity(authority) as own:
            await until(lambda: own.failures > 1)
            assert own.waits_for() == "the authority has given no certificate yet"
            authority.foreign_key = False
            await until(lambda: own.waits_for() == "")
        await authority.stop()

    asyncio.run(test())


def test_the_token_is_read_for_each_try(tmp_path: Path):
    write_token(tmp_path, "expired")

    async def test() -> None:
        authority = FakeAuthority(tmp_path / "xds.sock")
        await authority.start()
        async with identity(authority) as own:
            await until(lambda: authority.refusals)
            assert own.waits_for()
            write_token(tmp_path, "good")
            await until(lambda: own.waits_for() == "")
        await authority.stop()

    asyncio.run(test())


def test_without_a_token_nobody_waits(tmp_path: Path):
    async def test() -> None:
        authority = FakeAuthority(tmp_path / "xds.sock")
        await authority.start()
        async with identity(authority) as own:
            await until(lambda: own.failures > 0)
            assert own.waits_for() == ""
            assert not authority.serials
        await authority.stop()

    asyncio.run(test())
