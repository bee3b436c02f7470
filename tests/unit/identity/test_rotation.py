"""identity/rotation: neighbouring steps accept each other; nobody goes on before all have followed."""

from itertools import pairwise

import pytest

from meltemi.core.identity.rotation import Holding, Rotation, Step, Trust, back, behind, digest, forward

BEGIN = Rotation(old="a")


def walk(rotation: Rotation, candidate: str) -> list[Rotation]:
    """A whole rotation, the start included."""
    steps = [rotation]
    for _ in range(3):
        steps.append(forward(steps[-1], candidate))
    return steps


def test_the_steps_of_a_rotation():
    said = [(one.step, one.trusted, one.signer) for one in walk(BEGIN, "b")]

    assert said == [
        (Step.STEADY, ("a",), "a"),
        (Step.BOTH_TRUSTED, ("a", "b"), "a"),
        (Step.NEW_SIGNS, ("a", "b"), "b"),
        (Step.OLD_DROPPED, ("b",), "b"),
    ]


def test_at_any_two_neighbouring_steps_each_trusts_who_signs_for_the_other():
    steps = walk(BEGIN, "b")

    for one, other in pairwise(steps):
        assert one.signer in other.trusted
        assert other.signer in one.trusted


def test_the_bundle_does_not_change_when_only_the_signer_does():
    _, both, signs, _ = walk(BEGIN, "b")

    assert both.trusted == signs.trusted


def test_back_is_the_way_forward_in_reverse():
    steps = walk(BEGIN, "b")

    for one, other in pairwise(steps):
        returned = back(other)
        assert returned is not None
        assert (returned.step, returned.trusted, returned.signer) == (one.step, one.trusted, one.signer)
    assert back(steps[0]) is None


def test_after_a_rotation_another_one_begins_where_it_ended():
    done = walk(BEGIN, "b")[-1]

    assert forward(done, "c") == Rotation(old="b", new="c", step=Step.BOTH_TRUSTED)


TRUST = Trust(roots=("one\n", "two\n"), signer="aa")
ROOTS = digest(TRUST.roots)
# fmt: off
HELD = {
    "all of it":        (Holding(roots=ROOTS, issuer="aa"), ""),
    "old roots":        (Holding(roots=digest(("one\n",)), issuer="aa"), "other roots"),
    "old certificate":  (Holding(roots=ROOTS, issuer="bb"), "another authority"),
    "nothing yet":      (Holding(), "no roots"),
    "no certificate":   (Holding(roots=ROOTS), "no certificate"),
    "not connected":    (None, "not connected"),
}
# fmt: on


@pytest.mark.parametrize(("held", "said"), HELD.values(), ids=HELD)
def test_who_has_not_followed(held: Holding | None, said: str):
    found = behind(TRUST, {"web": held} if held else {}, ["web"])

    assert set(found) == ({"web"} if said else set())
    assert said in found.get("web", "")


def test_nobody_expected_and_nobody_there_is_nobody_behind():
    assert behind(TRUST, {}, []) == {}
