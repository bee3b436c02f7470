"""Istio's routing samples, applied unmodified, do what Istio's documentation says of them."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.mesh import NETWORKING, OLD_ROUTING, SAMPLES, Mesh

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

COUNT = 200
SLACK = 4.5
"""Bounds in standard deviations: one false alarm in 100,000."""
JASON = {"Cookie": "user=jason"}


def only(version: str) -> Callable[[Mesh], None]:
    """Everybody meets one version."""

    def look(mesh: Mesh) -> None:
        assert mesh.reviews(20) == Counter({f"reviews-{version}": 20})

    return look


def shares(**weights: int) -> Callable[[Mesh], None]:
    """Versions are met in these proportions, within statistical bounds."""

    def look(mesh: Mesh) -> None:
        seen = mesh.reviews(COUNT)
        assert set(seen) <= {f"reviews-{version}" for version in weights}
        for version, percent in weights.items():
            p = percent / 100
            bound = SLACK * (COUNT * p * (1 - p)) ** 0.5
            assert abs(seen[f"reviews-{version}"] - COUNT * p) <= bound, seen

    return look


def jason_meets(his: str, others: str) -> Callable[[Mesh], None]:
    """Jason meets one version, everybody else another."""

    def look(mesh: Mesh) -> None:
        assert mesh.reviews(10, **JASON) == Counter({f"reviews-{his}": 10})
        assert mesh.reviews(10) == Counter({f"reviews-{others}": 10})

    return look


def delayed_for_jason(mesh: Mesh) -> None:
    """The famous bug: ratings' delay of 7 s is too long for productpage, though not for reviews."""
    assert "Sorry, product reviews are currently unavailable" in mesh.ask("/productpage", **JASON)[1]
    assert "Sorry" not in mesh.ask("/productpage")[1]


def aborted_for_jason(mesh: Mesh) -> None:
    assert "Ratings service is currently unavailable" in mesh.ask("/productpage", **JASON)[1]
    assert "currently unavailable" not in mesh.ask("/productpage")[1]


def details_fail(mesh: Mesh) -> None:
    assert mesh.ask("/api/v1/products/0")[0] == 555


# fmt: off
TODAY: dict[str, tuple[list[str], Callable[[Mesh], None]]] = {
    "virtual-service-all-v1":            ([], only("v1")),
    "virtual-service-reviews-test-v2":   ([], jason_meets("v2", "v1")),
    "virtual-service-ratings-test-delay": (["virtual-service-reviews-test-v2"], delayed_for_jason),
    "virtual-service-ratings-test-abort": (["virtual-service-reviews-test-v2"], aborted_for_jason),
    "virtual-service-reviews-50-v3":     ([], shares(v1=50, v3=50)),
    "virtual-service-reviews-80-20":     ([], shares(v1=80, v2=20)),
    "virtual-service-reviews-90-10":     ([], shares(v1=90, v2=10)),
    "virtual-service-reviews-jason-v2-v3": ([], jason_meets("v2", "v3")),
    "virtual-service-reviews-v2-v3":     ([], shares(v2=50, v3=50)),
    "virtual-service-reviews-v3":        ([], only("v3")),
    "destination-rule-reviews":          (["virtual-service-reviews-v3"], only("v3")),
    "fault-injection-details-v1":        ([], details_fail),
}
OLD: dict[str, tuple[list[str], Callable[[Mesh], None]]] = {
    "route-rule-all-v1":             ([], only("v1")),
    "route-rule-reviews-test-v2":    (["route-rule-all-v1"], jason_meets("v2", "v1")),
    "route-rule-ratings-test-delay": (["route-rule-all-v1", "route-rule-reviews-test-v2"], delayed_for_jason),
    "route-rule-ratings-test-abort": (["route-rule-all-v1", "route-rule-reviews-test-v2"], aborted_for_jason),
    "route-rule-reviews-50-v3":      (["route-rule-all-v1"], shares(v1=50, v3=50)),
    "route-rule-reviews-80-20":      (["route-rule-all-v1"], shares(v1=80, v2=20)),
    "route-rule-reviews-90-10":      (["route-rule-all-v1"], shares(v1=90, v2=10)),
    "route-rule-reviews-v2-v3":      (["route-rule-all-v1"], shares(v2=50, v3=50)),
    "route-rule-reviews-v3":         (["route-rule-all-v1"], only("v3")),
}
# fmt: on


def test_the_page_has_details_and_reviews(clean: Mesh) -> None:
    status, page = clean.ask("/productpage")

    assert status == 200
    assert "Book Details" in page
    assert "Book Reviews" in page


def test_without_rules_every_version_is_met(clean: Mesh) -> None:
    assert set(clean.reviews(60)) == {"reviews-v1", "reviews-v2", "reviews-v3"}


@pytest.mark.parametrize("name", list(TODAY))
def test_todays_samples(clean: Mesh, name: str) -> None:
    before, look = TODAY[name]
    files = ["destination-rule-all", "virtual-service-all-v1", *before, name]

    clean.apply(*(NETWORKING / f"{file}.yaml" for file in dict.fromkeys(files)))

    look(clean)


@pytest.mark.parametrize("name", list(OLD))
def test_samples_of_istio_0_8(clean: Mesh, name: str) -> None:
    before, look = OLD[name]

    clean.apply(*(OLD_ROUTING / f"{file}.yaml" for file in [*before, name]))

    look(clean)


def test_details_v2_takes_over(clean: Mesh) -> None:
    """v2 asks a book service that is not there, so its error shows that it was asked."""
    clean.run("apply", "-f", SAMPLES / "master/samples/bookinfo/platform/kube/bookinfo-details-v2.yaml")
    clean.ready("details-v2")
    clean.apply(NETWORKING / "destination-rule-all.yaml", NETWORKING / "virtual-service-details-v2.yaml")

    assert clean.ask("/api/v1/products/0")[0] == 500

    clean.run("delete", "deployment", "details-v2")


@pytest.mark.parametrize("folder", [NETWORKING, OLD_ROUTING], ids=["today", "0.8.0"])
def test_everything_else_is_stored_and_says_that_it_has_no_effect(clean: Mesh, folder: Path) -> None:
    for file in sorted(folder.glob("*.yaml")):
        answer = json.loads(clean.run("apply", "--dry-run", "-o", "json", "-f", file))
        assert not [found for found in answer["findings"] if found["severity"] == "error"], file.name
