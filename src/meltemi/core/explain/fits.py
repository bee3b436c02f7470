"""Whether what is asked fits a settled rule, and if not, why.

Place:  view/authorization, explain/asked → [explain/fits] → explain/decide
Source: envoy/{authorization,principals} writes the same tests for Envoy; tests/e2e/fields/test_explained.py holds the
        two together by real requests
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from meltemi.core.explain.asked import Asked
from meltemi.core.explain.truth import Truth, every, opposite, some
from meltemi.core.identity.spiffe import SCHEME
from meltemi.core.model.security.attribute import ONE_SEGMENT, SEGMENTS
from meltemi.core.view.authorization import UNREAD, Clause, Clauses, Fit, Kind, Pattern, Policy, Test

_SEGMENT = r"[A-Za-z0-9\-._~%!$&'()*+,;:@=]"
"""What Envoy's templates take for a character of a segment."""


def fits(policy: Policy, asked: Asked) -> Truth:
    """Whether a rule matches."""
    if policy.never:
        return False
    return every(some(_all(clauses, asked) for clauses in side) for side in (policy.asked, policy.asking))


def why_not(policy: Policy, asked: Asked) -> str:
    """What keeps a rule from matching; empty where nothing does."""
    if policy.never:
        return "it has no rules, so nobody matches"
    for side in (policy.asked, policy.asking):
        if some(_all(clauses, asked) for clauses in side) is not True:
            return "; or ".join(dict.fromkeys(_first(clauses, asked) for clauses in side))
    return ""


def _first(clauses: Clauses, asked: Asked) -> str:
    """The clause that fails; if none does, the one that is open."""
    found = [(holds(clause, asked), clause) for clause in clauses]
    failing = next((c for truth, c in found if truth is False), None) or next(c for truth, c in found if truth is None)
    return _told(failing, asked)


def _told(clause: Clause, asked: Asked) -> str:
    names = dict.fromkeys(_name(test) for test in clause.tests)
    wanted = ", ".join(dict.fromkeys(_wanted(test) for test in clause.tests))
    has = _has(clause.tests[0], asked)
    if holds(clause, asked) is None:
        return f"it is not said what {' or '.join(names)} is: {'not ' if clause.negated else ''}{wanted}"
    return f"{' or '.join(names)} is {has}, {'which is excluded by' if clause.negated else 'and not'} {wanted}"


_NAMES = {
    Kind.HOST: "the host",
    Kind.METHOD: "the method",
    Kind.PATH: "the path",
    Kind.TEMPLATE: "the path",
    Kind.AROUND: "the path",
    Kind.PORT: "the port",
    Kind.DESTINATION: "the workload's address",
    Kind.SOURCE: "the source address",
    Kind.REMOTE: "the client's address",
    Kind.SERVER_NAME: "the server name",
    Kind.PRINCIPAL: "the caller",
    Kind.NAMESPACE: "the caller's namespace",
    Kind.ACCOUNT: "the caller's account",
    Kind.TOKEN: "the token",
}


def _name(test: Test) -> str:
    if test.kind is Kind.HEADER:
        return f"the header '{test.keys[0]}'"
    if test.kind is Kind.CLAIM:
        return "the claim " + "".join(f"[{key}]" for key in test.keys)
    return _NAMES.get(test.kind) or "the metadata " + "".join(f"[{key}]" for key in test.keys)


def _wanted(test: Test) -> str:
    if test.kind is Kind.AROUND:
        before, after = test.keys
        return f"'{before}…{after}'"
    if test.kind is Kind.ACCOUNT:
        return f"'{test.keys[0]}/{test.text.value}'"
    if test.kind is Kind.TOKEN:
        return f"'{_written(test.text)}/{_written(test.subject)}'"
    return f"'{_written(test.text)}'"


def _written(text: Pattern) -> str:
    before, after = (
        "*" if text.fit in some else "" for some in ((Fit.SUFFIX, Fit.CONTAINS), (Fit.PREFIX, Fit.CONTAINS))
    )
    return "*" if text.fit is Fit.ANY else f"{before}{text.value}{after}"


def _has(test: Test, asked: Asked) -> str:
    """What is asked, where it is one text."""
    match test.kind:
        case Kind.CLAIM:
            value = _claim(asked, test.keys)
        case Kind.TOKEN:
            issuer, subject = _claim(asked, ("iss",)), _claim(asked, ("sub",))
            value = None if issuer is None and subject is None else f"{issuer or ''}/{subject or ''}"
        case _:
            value = _texts(test, asked)[1]
    return "not there" if value is None or value == "" else f"'{value}'"


def _all(clauses: Clauses, asked: Asked) -> Truth:
    return every(holds(clause, asked) for clause in clauses)


def holds(clause: Clause, asked: Asked) -> Truth:
    """Whether one clause holds."""
    found = some(_fits(test, asked, clause.negated) for test in clause.tests)
    return opposite(found) if clause.negated else found


def _fits(test: Test, asked: Asked, negated: bool) -> Truth:
    match test.kind:
        case Kind.PORT:
            return None if asked.port is None else asked.port == int(test.text.value)
        case Kind.SOURCE:
            return _within(asked.source, test)
        case Kind.REMOTE:
            return _within(asked.remote, test)
        case Kind.DESTINATION:
            return some(_within(one, test) for one in asked.destination or ("",))
        case Kind.TOKEN:
            issuer, subject = _claim(asked, ("iss",)), _claim(asked, ("sub",))
            return _is(issuer, test.text, negated) and _is(subject, test.subject, negated)
        case Kind.CLAIM:
            value = _claim(asked, test.keys)
            return any(_is(one, test.text, negated) for one in (value, *_items(value)))
        case Kind.TEMPLATE:
            odd = test.closed and bool(set(UNREAD) & set(asked.plain_path))
            return (odd and _around(test, asked)) or _template(test.text.value).fullmatch(asked.plain_path) is not None
        case Kind.AROUND:
            return _around(test, asked)
        case Kind.ACCOUNT:
            namespace = asked.caller.namespace if asked.caller else None
            return namespace == test.keys[0] and _text(_texts(test, asked)[1], test)
        case Kind.METADATA:
            return None
        case Kind.HEADER:
            known, values = asked.header(test.keys[0])
            return any(_text(value, test) for value in values) if known else None
        case _:
            known, value = _texts(test, asked)
            return _text(value, test) if known else None


def _around(test: Test, asked: Asked) -> bool:
    before, after = test.keys
    return asked.plain_path.startswith(before) and asked.plain_path.endswith(after)


def _texts(test: Test, asked: Asked) -> tuple[bool, str | None]:
    """(whether it is known, the text that a test looks at; None where there is none)."""
    caller = asked.caller
    match test.kind:
        case Kind.HOST:
            return asked.host is not None, asked.host
        case Kind.METHOD:
            return True, asked.method
        case Kind.PATH | Kind.TEMPLATE | Kind.AROUND:
            return True, asked.plain_path
        case Kind.HEADER:
            known, values = asked.header(test.keys[0])
            return known, ", ".join(values) if values else None
        case Kind.SERVER_NAME:
            return asked.sni is not None, asked.sni
        case Kind.PRINCIPAL:
            return True, caller.uri.removeprefix(SCHEME) if caller else None
        case Kind.NAMESPACE:
            return True, caller.namespace if caller else None
        case Kind.ACCOUNT:
            return True, caller.service_account if caller else None
        case Kind.SOURCE:
            return bool(asked.source), asked.source or None
        case Kind.REMOTE:
            return bool(asked.remote), asked.remote or None
        case Kind.PORT:
            return asked.port is not None, None if asked.port is None else str(asked.port)
        case _:
            return bool(asked.destination), ", ".join(asked.destination) or None


def _text(value: str | None, test: Test) -> bool:
    if value is None:
        return False
    if test.text.fit is Fit.ANY:
        return test.kind is not Kind.SERVER_NAME or value != ""
    return _same(value, test.text, fold=test.kind is Kind.HOST)


def _same(value: str, text: Pattern, *, fold: bool = False) -> bool:
    value, wanted = (value.lower(), text.value.lower()) if fold else (value, text.value)
    match text.fit:
        case Fit.PREFIX:
            return value.startswith(wanted)
        case Fit.SUFFIX:
            return value.endswith(wanted)
        case Fit.CONTAINS:
            return wanted in value
        case _:
            return value == wanted


def _within(address: str, test: Test) -> Truth:
    return ip_address(address) in ip_network(test.text.value, strict=False) if address else None


def _template(path: str) -> re.Pattern[str]:
    whole = re.split(f"({re.escape(SEGMENTS)}|{re.escape(ONE_SEGMENT)})", path)
    operators = {SEGMENTS: rf"(?:{_SEGMENT}|/)*", ONE_SEGMENT: f"{_SEGMENT}+"}
    return re.compile("".join(operators.get(part) or re.escape(part) for part in whole))


def _claim(asked: Asked, keys: tuple[str, ...]) -> Any:
    """A claim, or one inside of it; None where there is none."""
    found: Any = dict(asked.claims or ())
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return found  # pyright: ignore[reportUnknownVariableType]


def _items(value: Any) -> Iterator[Any]:
    """Those of a claim that is a list."""
    if isinstance(value, list):
        yield from value


def _is(value: Any, text: Pattern, negated: bool) -> bool:
    """Whether a value of a token fits; texts only. Whatever is there is excluded by a negated `*`."""
    if text.fit is Fit.ANY and negated:
        return value is not None
    if not isinstance(value, str):
        return False
    return re.fullmatch(".+", value) is not None if text.fit is Fit.ANY else _same(value, text)
