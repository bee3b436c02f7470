"""What is asked in front of several tests holds wherever one of them does: else a refusal would refuse too little."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from meltemi.core.envoy.common_text import LENGTH, TESTS, common_test, common_text
from meltemi.core.envoy.placing import placed
from meltemi.core.explain.asked import Asked
from meltemi.core.explain.fits import fits
from meltemi.core.identity.spiffe import Identity
from meltemi.core.model.document import Key, Origin, Path
from meltemi.core.view.authorization import Clause, Fit, Kind, Pattern, Policy
from meltemi.core.view.authorization import Test as One

WHERE = Origin(key=Key(group="g", kind="k", namespace="n", name="p"), path=Path("spec"))
NAMES = ("shop", "shop-a", "shop-b", "a-shop")
PATHS = ("/", "/shop/", "/shop/a", "/shop/a/b", "/b/shop/a", "/shop/[", "/b")
HOSTS = ("shop.example.com", "A.Shop.example.com", "example.com", "b", "\u0130.shop.example.com")
FITS = st.sampled_from((Fit.EXACT, Fit.EXACT, Fit.PREFIX, Fit.SUFFIX, Fit.ANY))
NAME = st.sampled_from(NAMES)
IDENTITIES = st.builds("td/ns/{}/sa/{}".format, NAME, NAME)


@st.composite
def patterns(draw: st.DrawFn, values: st.SearchStrategy[str]) -> Pattern:
    """A value, or the beginning or the end of one."""
    fit, value = draw(FITS), draw(values)
    at = draw(st.integers(0, len(value) - 1))
    kept = {Fit.EXACT: value, Fit.PREFIX: value[: at + 1], Fit.SUFFIX: value[at:], Fit.ANY: ""}
    return Pattern(fit=fit, value=kept[fit])


def looking(kind: Kind, values: st.SearchStrategy[str], *keys: str) -> st.SearchStrategy[One]:
    return st.builds(One, kind=st.just(kind), text=patterns(values), keys=st.just(keys))


PATH = looking(Kind.PATH, st.sampled_from(PATHS)) | st.builds(
    One,
    kind=st.just(Kind.TEMPLATE),
    text=st.just(Pattern(fit=Fit.EXACT, value="/shop/{*}/b")),
    keys=st.just(("/shop/", "/b")),
    closed=st.booleans(),
)
ACCOUNT = st.builds(
    One,
    kind=st.just(Kind.ACCOUNT),
    text=st.builds(Pattern, fit=st.just(Fit.EXACT), value=NAME),
    keys=st.tuples(NAME),
)
IDENTITY = looking(Kind.PRINCIPAL, IDENTITIES) | looking(Kind.NAMESPACE, NAME) | ACCOUNT
ASKED = (PATH, looking(Kind.HOST, st.sampled_from(HOSTS)), looking(Kind.METHOD, st.sampled_from(("GET", "PUT"))))
ASKING = (IDENTITY, looking(Kind.HEADER, st.sampled_from(("shop-1", "shop-2")), "x"))


def clauses(kinds: tuple[st.SearchStrategy[One], ...]) -> st.SearchStrategy[tuple[Clause, ...]]:
    tests = st.one_of(*(st.lists(kind, min_size=1, max_size=4).map(tuple) for kind in kinds))
    return st.lists(st.builds(Clause, tests=tests, negated=st.booleans()), max_size=3).map(tuple)


POLICIES = st.builds(
    Policy,
    name=st.just("p"),
    origin=st.just(WHERE),
    asked=st.lists(clauses(ASKED), min_size=1, max_size=2).map(tuple),
    asking=st.lists(clauses(ASKING), min_size=1, max_size=2).map(tuple),
)
REQUESTS = st.builds(
    Asked,
    caller=st.none() | st.builds(Identity, trust_domain=st.just("td"), namespace=NAME, service_account=NAME),
    method=st.sampled_from(("GET", "PUT")),
    path=st.sampled_from(PATHS).flatmap(lambda path: st.sampled_from((path, f"{path}?q=/shop/"))),
    host=st.sampled_from(HOSTS),
    headers=st.sampled_from(((), (("x", "shop-1"),), (("x", ""),))),
)


@settings(max_examples=600, deadline=None)
@given(POLICIES, st.lists(REQUESTS, min_size=8, max_size=8))
def test_a_rule_that_is_placed_fits_the_same_requests(policy: Policy, requests: list[Asked]) -> None:
    asked, asking = placed(policy)
    written = structs.replace(policy, asked=asked, asking=asking)
    for request in requests:
        assert fits(written, request) is fits(policy, request)


def of(kind: Kind, *values: str, fit: Fit = Fit.EXACT) -> tuple[One, ...]:
    return tuple(One(kind=kind, text=Pattern(fit=fit, value=value)) for value in values)


@pytest.mark.parametrize(
    ("tests", "wanted"),
    [
        (of(Kind.PATH, "/v1/a", "/v1/b"), (Kind.PATH, "/v1/")),
        (of(Kind.PATH, "/a", "/b"), None),
        ((*of(Kind.PATH, "/v1/a"), *of(Kind.PATH, "", fit=Fit.ANY)), None),
        (of(Kind.HOST, "A.example.com", "b.Example.com"), (Kind.HOST, ".example.com")),
        # What has small letters of its own in Unicode has none for Envoy.
        (of(Kind.HOST, "\u0130.example.com", "b.example.com"), None),
        # All identities of a mesh have these.
        (of(Kind.PRINCIPAL, "cluster.local/ns/a/sa/x", "cluster.local/ns/b/sa/y"), None),
        (of(Kind.PRINCIPAL, "cluster.local/ns/shop/sa/x", "cluster.local/ns/shop/sa/y"), (Kind.PRINCIPAL, "shop")),
        (of(Kind.PRINCIPAL, "cluster.local/*"), None),
        ((*of(Kind.NAMESPACE, "shop"), *of(Kind.NAMESPACE, "shop-", fit=Fit.PREFIX)), (Kind.PRINCIPAL, "shop")),
        ((*of(Kind.NAMESPACE, "shop"), *of(Kind.METHOD, "shop")), None),
        (of(Kind.PATH, *(f"/v1/{i}" for i in range(TESTS + 1))), None),
    ],
)
def test_what_they_have_in_common(tests: tuple[One, ...], wanted: tuple[Kind, str] | None) -> None:
    found = common_test(tests)
    assert (found and (found.kind, found.text.value)) == wanted


def test_long_texts_are_not_searched_to_their_end() -> None:
    assert common_text(("x" * LENGTH + "abc", "y" * LENGTH + "abc")) == ""
