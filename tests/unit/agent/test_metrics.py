"""The page of metrics: the proxy's own, and what is left of certificates under Istio's name."""

import asyncio

import pytest

from meltemi.shell.agent import admin, metrics
from meltemi.shell.agent.http import Response
from meltemi.shell.agent.settings import read


def page(remaining: dict[str, float]) -> str:
    return asyncio.run(metrics.page(read(role="sidecar", domain="", env={}), remaining)).body.decode()


@pytest.fixture(autouse=True)
def envoy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def get(path: str) -> Response:
        return Response(200, b"envoy_own 1\n")

    monkeypatch.setattr(admin, "get", get)


def test_what_is_left_of_each_secret():
    assert page({"default": 60.4, "ROOTCA": -5.0}) == (
        "envoy_own 1\n# TYPE istio_agent_cert_expiry_seconds gauge\n"
        'istio_agent_cert_expiry_seconds{resource_name="ROOTCA"} -5\n'
        'istio_agent_cert_expiry_seconds{resource_name="default"} 60\n'
    )


def test_without_an_identity_it_is_the_proxys_own():
    assert page({}) == "envoy_own 1\n"
