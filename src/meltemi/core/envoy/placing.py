"""Which of the two lists of an Envoy policy a clause is written in, and which of its tests are preceded by one for all.

Place:  view/authorization → [envoy/placing] → envoy/authorization

A policy of Envoy holds if one entry of `permissions` does, and then one of `principals`. It reads both lists without
going to another object; a conjunction inside of a list is two objects more, each of its disjunctions another two. What
200 policies cost is how many objects a request has to visit until each policy has failed (bench/rules, design 0027).
So a rule that has clauses on one side only is spread over both, where Envoy can write a clause on either side.
"""

from meltemi.core.view.authorization import ANY, Clause, Clauses, Fit, Kind, Policy, Test

EITHER = (Kind.PATH, Kind.HOST, Kind.HEADER, Kind.CLAIM, Kind.METADATA, Kind.METHOD)
"""What can be asked on either side; what tells most requests apart comes first."""


WORTH = 3
"""So many tests of paths are preceded by one for all: it costs three objects itself."""


def placed(policy: Policy) -> tuple[tuple[Clauses, ...], tuple[Clauses, ...]]:
    """The entries of both lists: of each list one holds. They say what `asked` and `asking` say."""
    asking = tuple(_looked_for(clauses) for clauses in policy.asking)
    if len(policy.asked) > 1 or len(asking) > 1:
        return policy.asked, asking
    (what, who) = (*policy.asked, *asking)
    if not what:
        first = tuple(one for one in who if _is_free(one))[:1]
        return (first,), (tuple(one for one in who if one not in first),)
    if not who:
        kept = tuple(one for one in what if not _is_free(one)) or (min(what, key=_rank),)
        return (kept,), (tuple(one for one in what if one not in kept),)
    return policy.asked, asking


def _looked_for(clauses: Clauses) -> Clauses:
    """Most requests do not have a header that some rule asks for: to look for it once costs less than each value."""
    return tuple(one for clause in clauses for one in (*_there(clause), clause))


def _there(clause: Clause) -> Clauses:
    first, *more = clause.tests
    if not more or clause.negated or first.kind is not Kind.HEADER:
        return ()
    return (Clause(tests=(Test(kind=Kind.HEADER, keys=first.keys, text=ANY),)),)


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
