"""The authority of a real mesh: rotated with all its agents, killed on the way, and never lost."""

import os
import signal

import pytest

from e2e.authority.conftest import Elsewhere

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_every_pod_has_followed_a_rotation_there_and_back(elsewhere: Elsewhere):
    before = elsewhere.status()
    there = elsewhere.run("rotate", "--all")
    after = elsewhere.status()
    elsewhere.run("rotate", "--all", "--back")
    back = elsewhere.status()

    assert [line.partition(":")[0] for line in there.splitlines()] == ["both-trusted", "new-signs", "old-dropped"]
    assert len(after["certificates"]) == len(before["certificates"]) >= 2
    assert {one["issuer"] for one in after["certificates"].values()} == {after["signer"]["identifier"]}
    assert after["signer"]["identifier"] != before["signer"]["identifier"]
    assert back["signer"] == before["signer"]
    assert back["behind"] == {}


def test_a_rotation_goes_on_after_the_control_plane_was_killed(elsewhere: Elsewhere):
    before = elsewhere.status()
    elsewhere.run("rotate")
    os.kill(int((elsewhere.mesh.state / "control-plane.pid").read_text()), signal.SIGKILL)
    rest = elsewhere.run("rotate", "--all")
    after = elsewhere.status()

    assert [line.partition(":")[0] for line in rest.splitlines()] == ["new-signs", "old-dropped"]
    assert {one["issuer"] for one in after["certificates"].values()} == {after["signer"]["identifier"]}
    assert len(after["certificates"]) == len(before["certificates"])


def test_the_authority_is_the_same_after_down_and_up(elsewhere: Elsewhere):
    """Last: it takes the mesh of this module down."""
    before = elsewhere.status()["signer"]
    elsewhere.mesh.run("down", limit=120)
    elsewhere.mesh.up()
    after = elsewhere.status()["signer"]

    assert after == before
