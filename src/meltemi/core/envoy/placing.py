"""Which of the two lists of an Envoy policy a clause is written in, and which of its tests are preceded by one for all.

Place:  view/authorization, envoy/common_text → [envoy/placing] → envoy/authorization

A policy of Envoy holds if one entry of `permissions` does, and then one of `principals`. It reads both lists without
going to another object; a conjunction inside of a list is two objects more, each of its disjunctions another two. What
200 policies cost is how many objects a request has to visit until each policy has failed (bench/rules, design 0027).
So a rule that has clauses on one side only is spread over both, where Envoy can write a clause on either side, and
several tests have one in front that all of them need.
"""

from meltemi.core.envoy.common_text import common_test
from meltemi.core.view.authorization import Clause, Clauses, Fit, Kind, Policy, Test

EITHER = (Kind.PATH, Kind.HOST, Kind.HEADER, Kind.CLAIM, Kind.METADATA, Kind.METHOD)
"""What can be asked on either side; what tells most requests apart comes first."""


WORTH = 3
"""So many tests are preceded by one for all that needs a conjunction: this costs three objects itself."""


def placed(policy: Policy) -> tuple[tuple[Clauses, ...], tuple[Clauses, ...]]:
    """The entries of both lists: of each list one holds. They say what `asked` and `asking` say."""
    asked, asking = tuple(map(_preceded, policy.asked)), tuple(map(_preceded, policy.asking))
    if len(asked) > 1 or len(asking) > 1:
        return asked, asking
    (what, who) = (*policy.asked, *policy.asking)
    if what and who:
        return asked, asking
    first, others = _spread(what) if what else _taken(who)
    return (_preceded(first),), (tuple(one for one in _preceded(others) if one not in first),)


def _spread(what: Clauses) -> tuple[Clauses, Clauses]:
    """What is asked of the workload, on both sides: what can stand there only, or else what most requests fail."""
    kept = tuple(one for one in what if not _is_free(one)) or _first(min(what, key=_rank))
    return kept, tuple(one for one in what if one not in kept)


def _taken(who: Clauses) -> tuple[Clauses, Clauses]:
    """Who asks; one clause of that is asked of the workload, if it can be."""
    first = next((_first(one) for one in who if _is_free(one)), ())
    return first, tuple(one for one in who if one not in first)


def _first(clause: Clause) -> Clauses:
    return _front(clause) or (clause,)


def _preceded(clauses: Clauses) -> Clauses:
    """All clauses, and first what must hold for some; where they are no conjunction yet, it must be worth one."""
    enough = 2 if len(clauses) > 1 else WORTH
    fronts = (front for one in clauses if len(one.tests) >= enough for front in _front(one))
    return tuple(dict.fromkeys((*fronts, *clauses)))


def _front(clause: Clause) -> Clauses:
    """One test that holds wherever one of several does; most requests fail it."""
    common = common_test(clause.tests) if len(clause.tests) > 1 and not clause.negated else None
    return (Clause(tests=(common,)),) if common else ()


def _is_free(clause: Clause) -> bool:
    return all(test.kind in EITHER for test in clause.tests)


def _rank(clause: Clause) -> int:
    return EITHER.index(clause.tests[0].kind)


def by_beginning(tests: tuple[Test, ...]) -> tuple[tuple[Test, ...], tuple[tuple[str, tuple[Test, ...]], ...]]:
    """(tests that stand alone, (how a path begins that fits one of these, these)): by the first segment of paths."""
    segments: dict[str, list[Test]] = {}
    for test in tests:
        segments.setdefault(_first_segment(_beginning(test)), []).append(test)
    together = tuple((name, tuple(some)) for name, some in segments.items() if name and len(some) >= WORTH)
    return tuple(one for one in tests if not any(one in some for _, some in together)), together


def _beginning(test: Test) -> str:
    """How every path begins that fits; empty if nothing is known of it."""
    if test.kind in (Kind.TEMPLATE, Kind.AROUND):
        return test.keys[0]
    anchored = test.kind is Kind.PATH and test.text.fit in (Fit.EXACT, Fit.PREFIX)
    return test.text.value if anchored else ""


def _first_segment(beginning: str) -> str:
    """With both of its slashes; empty where it does not end."""
    first, slash, _ = beginning[1:].partition("/")
    return f"/{first}/" if slash else ""
