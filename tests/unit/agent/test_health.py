"""When a proxy is ready: configured, and with its certificate, for which nobody waits a second time."""

import asyncio

import pytest

from meltemi.shell.agent import admin
from meltemi.shell.agent.health import Health


@pytest.fixture
def health(monkeypatch: pytest.MonkeyPatch) -> Health:
    async def yes() -> bool:
        return True

    monkeypatch.setattr(admin, "is_live", yes)
    monkeypatch.setattr(admin, "is_configured", yes)
    return Health()


def status(health: Health) -> int:
    return asyncio.run(health.ready()).status


def test_without_an_identity_nothing_is_waited_for(health: Health):
    assert status(health) == 200


def test_it_waits_for_the_certificate_and_says_so(health: Health):
    health.waits_for = lambda: "no certificate"

    got = asyncio.run(health.ready())

    assert (got.status, got.body) == (503, b"no certificate\n")


def test_a_pod_that_was_ready_is_not_taken_down_by_its_authority(health: Health):
    lacks = ""
    health.waits_for = lambda: lacks
    assert status(health) == 200

    lacks = "no certificate"

    assert status(health) == 200


def test_a_draining_proxy_is_not_ready(health: Health):
    health.draining = True

    assert status(health) == 503
