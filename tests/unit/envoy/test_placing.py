"""Where clauses are written: what they say stays, and nothing stands around what stands alone."""

from collections.abc import Iterator
from itertools import product
from random import Random

import pytest

from meltemi.core.envoy import pb
from meltemi.core.envoy.authorization import http_rules
from meltemi.core.envoy.carried import carried
from meltemi.core.envoy.common_text import common_test
from meltemi.core.envoy.placing import EITHER, by_beginning, placed
from meltemi.core.model.document import Key, Origin, Path
from meltemi.core.model.security.authorization_policy import Action
from meltemi.core.view.authorization import Clause, Clauses, Fit, Kind, Pattern, Policy
from meltemi.core.view.authorization import Test as One

WHERE = Origin(key=Key(group="g", kind="k", namespace="n", name="p"), path=Path("spec"))
ASKED = (Kind.HOST, Kind.METHOD, Kind.PATH, Kind.TEMPLATE, Kind.PORT, Kind.SERVER_NAME)
ASKING = (Kind.PRINCIPAL, Kind.NAMESPACE, Kind.SOURCE, Kind.HEADER, Kind.CLAIM, Kind.TOKEN)
VALUES = {Kind.PORT: "80", Kind.SOURCE: "10.0.0.1", Kind.TEMPLATE: "/v/{*}/"}


def one_of(kind: Kind, number: int) -> One:
    """One that differs from others of its kind by a number."""
    text = Pattern(fit=Fit.EXACT, value=VALUES.get(kind, f"v{number}"))
    keys = ("k",) if kind in (Kind.HEADER, Kind.CLAIM) else ("/v/", "/") if kind is Kind.TEMPLATE else ()
    return One(kind=kind, text=text, keys=keys)


def clause(kind: Kind, *, count: int = 1, negated: bool = False) -> Clause:
    return Clause(tests=tuple(one_of(kind, i) for i in range(count)), negated=negated)


def policy(asked: tuple[Clauses, ...], asking: tuple[Clauses, ...]) -> Policy:
    return Policy(name="p", origin=WHERE, asked=asked, asking=asking)


def holds(sides: tuple[tuple[Clauses, ...], ...], true: frozenset[One]) -> bool:
    """Whether of each side one entry does, if these tests hold."""
    return all(
        any(all(any(t in true for t in c.tests) is not c.negated for c in clauses) for clauses in side)
        for side in sides
    )  # fmt: skip


def made(random: Random, kinds: tuple[Kind, ...]) -> tuple[Clauses, ...]:
    """One or two entries of up to three clauses."""
    return tuple(
        tuple(
            clause(kind, count=random.choice((1, 2)), negated=random.random() < 0.3)
            for kind in random.sample(kinds, random.choice((0, 1, 1, 2, 3)))
        )
        for _ in range(random.choice((1, 1, 1, 2)))
    )


def all_tests(one: Policy) -> Iterator[One]:
    for side in (one.asked, one.asking):
        yield from (t for clauses in side for c in clauses for t in c.tests)


def fronts(one: Policy, true: frozenset[One]) -> set[One]:
    """What holds wherever one of several tests does, of these."""
    clauses = [c for side in (one.asked, one.asking) for clauses in side for c in clauses]
    found = ((common_test(c.tests), c) for c in clauses)
    return {common for common, c in found if common and not true.isdisjoint(c.tests)}


def test_what_a_rule_says_stays() -> None:
    random, moved = Random(1), 0
    for _ in range(300):
        one = policy(made(random, ASKED), made(random, ASKING))
        sides, tests = placed(one), tuple(dict.fromkeys(all_tests(one)))
        moved += sides != (one.asked, one.asking)
        for _ in range(60):
            true = {t for t in tests if random.random() < 0.5}
            true |= fronts(one, frozenset(true))
            assert holds(sides, frozenset(true)) is holds((one.asked, one.asking), frozenset(true))
    assert moved > 50


def test_principals_and_permissions_write_what_may_stand_in_both() -> None:
    for kind, negated in product(EITHER, (False, True)):
        test = One(kind=kind, keys=("f", "k"), text=Pattern(fit=Fit.EXACT, value="x"))
        written = carried(test, negated)
        assert len(pb.Permission(**written).ListFields()) == len(pb.Principal(**written).ListFields()) == 1


@pytest.mark.parametrize(
    ("asked", "asking", "permissions", "principals"),
    [
        (((),), ((),), ["any"], ["any"]),
        (((clause(Kind.PATH, count=2),),), ((),), ["url_path", "url_path"], ["any"]),
        (((clause(Kind.PATH, negated=True),),), ((),), ["not_rule"], ["any"]),
        (((clause(Kind.HOST), clause(Kind.METHOD)),), ((),), ["header"], ["header"]),
        (((clause(Kind.METHOD, count=2), clause(Kind.PORT)),), ((),), ["destination_port"], ["header", "header"]),
        (((clause(Kind.TEMPLATE), clause(Kind.PORT)),), ((),), ["and_rules"], ["any"]),
        (((),), ((clause(Kind.HEADER, count=3),),), ["header"], ["header", "header", "header"]),
        (((),), ((clause(Kind.SOURCE), clause(Kind.HEADER)),), ["header"], ["direct_remote_ip"]),
        (((),), ((clause(Kind.SOURCE), clause(Kind.NAMESPACE)),), ["any"], ["and_ids"]),
        (((clause(Kind.PATH),), (clause(Kind.PORT),)), ((),), ["url_path", "destination_port"], ["any"]),
    ],
)
def test_nothing_stands_around_what_stands_alone(
    asked: tuple[Clauses, ...], asking: tuple[Clauses, ...], permissions: list[str], principals: list[str]
) -> None:
    written = http_rules(Action.ALLOW, (policy(asked, asking),), None).rules.policies["p"]
    assert [one.WhichOneof("rule") for one in written.permissions] == permissions
    assert [one.WhichOneof("identifier") for one in written.principals] == principals


def path(value: str, fit: Fit = Fit.EXACT) -> One:
    return One(kind=Kind.PATH, text=Pattern(fit=fit, value=value))


def test_paths_of_one_beginning_are_looked_at_together() -> None:
    template = One(kind=Kind.TEMPLATE, text=Pattern(fit=Fit.EXACT, value="/a/{*}/c"), keys=("/a/", "/c"))
    shared = (path("/a/b"), path("/a/", Fit.PREFIX), template)
    others = (path("/a/b", Fit.SUFFIX), path("/a", Fit.PREFIX), path("/ab/c"), path("/"), path("*"))
    assert by_beginning((*others[:2], *shared, *others[2:])) == (others, (("/a/", shared),))
    assert by_beginning(shared[:2]) == (shared[:2], ())
