"""Which token files a pod asks for, who may read them, and when they are made anew."""

import base64
import json
from typing import Any

import pytest

from meltemi.core.node.tokens import TokenFile, renew_at, request, times, token_files, unknown_sources

DAY = 24 * 3600


def volume(**said: Any) -> dict[str, Any]:
    source = {"path": "istio-token", "audience": "istio-ca", "expirationSeconds": 43200, **said}
    return {"name": "v", "projected": {"sources": [{"serviceAccountToken": source}], "defaultMode": 0o640}}


@pytest.mark.parametrize(
    ("users", "group", "mode", "user"),
    [
        ({1337}, None, 0o600, 1337),
        ({1337, 0}, None, 0o640, 0),
        (set[int](), None, 0o640, 0),
        ({1337}, 9, 0o640, 1337),
        ({1, 2}, 9, 0o640, 0),
    ],
)
def test_one_users_token_is_his_alone(users: set[int], group: int | None, mode: int, user: int):
    (file,) = token_files([volume()], {"v": frozenset(users)}, group)

    assert (file.mode, file.user, file.group) == (mode, user, group or 0)
    assert (file.path, file.audience, file.life) == ("istio-token", "istio-ca", 43200)


def test_other_volumes_have_no_tokens():
    others: list[dict[str, Any]] = [
        {"name": "a", "emptyDir": {}},
        {"name": "b", "projected": {"sources": [{"secret": {"name": "s"}}]}},
    ]

    assert not list(token_files(others, {}, None))


def test_a_source_that_nobody_provides_is_found():
    projected: dict[str, Any] = {"sources": [{"secret": {}}, {"clusterTrustBundle": {"path": "x"}}]}

    assert list(unknown_sources(projected, ("secret",))) == ["clusterTrustBundle"]


def test_the_request_is_bound_to_the_pod():
    asked = request(TokenFile(volume="v", path="p", audience="istio-ca", life=600), pod="web", uid="u-1")

    assert asked["spec"]["boundObjectRef"] == {"kind": "Pod", "apiVersion": "v1", "name": "web", "uid": "u-1"}
    assert asked["spec"]["audiences"] == ["istio-ca"]
    assert asked["spec"]["expirationSeconds"] == 600


def test_without_an_audience_the_api_decides():
    assert request(TokenFile(volume="v", path="p"), pod="web", uid="u")["spec"]["audiences"] == []


@pytest.mark.parametrize(
    ("life", "chance", "after"),
    [(1000, 0.0, 800), (1000, 1.0, 790), (100, 1.0, 75), (10 * DAY, 0.0, DAY), (10 * DAY, 0.5, DAY - 5)],
)
def test_a_token_is_made_anew_at_80_percent_of_its_life_or_after_a_day(life: float, chance: float, after: float):
    assert renew_at(5.0, 5.0 + life, chance=chance) == 5.0 + after


def test_the_times_of_a_token():
    payload = base64.urlsafe_b64encode(json.dumps({"iat": 1, "exp": 9}).encode()).decode().rstrip("=")

    assert times(f"e30.{payload}.x") == (1.0, 9.0)


@pytest.mark.parametrize("text", ["", "opaque", "a.b.c", "e30.W10.x", "e30.e30.x", "e30.bnVsbA.x"])
def test_what_has_no_times_is_no_token(text: str):
    with pytest.raises(ValueError):
        times(text)
