"""What all of several tests need, as one test: a piece of text that whatever fits one of them has.

Place:  view/authorization → [envoy/common_text] → envoy/placing

Nothing may be said here that is not needed: a rule that refuses would refuse too little.
"""

from collections.abc import Iterator
from itertools import takewhile

from meltemi.core.view.authorization import ANY, PATHS, Fit, Kind, Pattern, Test

LEAST = 3
"""Shorter texts tell few requests apart."""
TESTS, LENGTH = 32, 64
"""Of more tests, and in longer texts, nothing is looked for: what it costs grows with both."""
IDENTITIES = frozenset({Kind.PRINCIPAL, Kind.NAMESPACE, Kind.ACCOUNT})
_NAMESPACE = "/ns/"


def common_test(tests: tuple[Test, ...]) -> Test | None:
    """A test that holds wherever one of these does; None if none is known that tells much."""
    kinds = {test.kind for test in tests}
    if kinds == {Kind.HEADER} and len({test.keys for test in tests}) == 1:
        return Test(kind=Kind.HEADER, keys=tests[0].keys, text=ANY)
    if kinds <= PATHS:
        return _containing(Kind.PATH, tuple(map(_of_path, tests)))
    if kinds == {Kind.HOST}:
        return _ending(tests)
    if kinds <= IDENTITIES:
        return _containing(Kind.PRINCIPAL, tuple(map(_of_identity, tests)), across="/")
    return None


def _ending(hosts: tuple[Test, ...]) -> Test | None:
    """Hosts differ at their beginning. In small letters, which Envoy knows of ASCII only."""
    anchored = all(host.text.fit in (Fit.EXACT, Fit.SUFFIX) and host.text.value.isascii() for host in hosts)
    letters = zip(*(reversed(host.text.value.lower()) for host in hosts), strict=False) if anchored else ()
    text = "".join(one[0] for one in takewhile(lambda some: len(set(some)) == 1, letters))[::-1]
    return Test(kind=Kind.HOST, text=Pattern(fit=Fit.SUFFIX, value=text)) if len(text) >= LEAST else None


def _containing(kind: Kind, texts: tuple[str, ...], across: str = "") -> Test | None:
    text = common_text(texts, across) if len(texts) <= TESTS else ""
    return Test(kind=kind, text=Pattern(fit=Fit.CONTAINS, value=text)) if text else None


def common_text(texts: tuple[str, ...], across: str = "") -> str:
    """The longest text that stands in all of them, without a character of `across`; empty if it is short."""
    first, *others = sorted(texts, key=len)
    found = (piece for piece in _pieces(first[:LENGTH]) if all(piece in one for one in others))
    return next((piece for piece in found if not any(c in piece for c in across)), "")


def _pieces(text: str) -> Iterator[str]:
    """All pieces of a text, the longest first."""
    for size in range(len(text), LEAST - 1, -1):
        yield from (text[i : i + size] for i in range(len(text) - size + 1))


def _of_path(test: Test) -> str:
    """What every path has that fits; empty if nothing is known."""
    return test.text.value if test.kind is Kind.PATH else max(test.keys, key=len)


def _of_identity(test: Test) -> str:
    """The same of identities, beyond what all of them have: scheme and trust domain."""
    if test.kind is Kind.ACCOUNT:
        return max(test.keys[0], test.text.value, key=len)
    before, namespace, after = test.text.value.partition(_NAMESPACE)
    if test.kind is Kind.PRINCIPAL and test.text.fit is not Fit.SUFFIX:
        return after
    return after if namespace else before
