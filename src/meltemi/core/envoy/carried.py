"""Write tests of what a request carries, which may stand in permissions and in principals alike.

Place:  view/authorization → [envoy/carried] → envoy/authorization

Header, path and server names come from callers; they are never compared with a regular expression.
"""

from typing import TypedDict

from meltemi.core.envoy import pb
from meltemi.core.envoy.claims import PAYLOAD, TOKENS, listed_or_not
from meltemi.core.view.authorization import Fit, Kind, Pattern, Test


class Carried(TypedDict, total=False):
    """One of the fields that both messages have."""

    header: pb.HeaderMatcher
    url_path: pb.PathMatcher
    metadata: pb.MetadataMatcher


_HEADERS = {Kind.HOST: ":authority", Kind.METHOD: ":method"}


def carried(test: Test, negated: bool) -> Carried:
    """A test of one of the kinds in `placing.EITHER`."""
    match test.kind:
        case Kind.HOST | Kind.METHOD:
            return {"header": _header(_HEADERS[test.kind], test.text, fold=test.kind is Kind.HOST)}
        case Kind.HEADER:
            return {"header": _header(test.keys[0], test.text)}
        case Kind.PATH if test.text.fit is Fit.ANY:
            return {"header": pb.HeaderMatcher(name=":path", present_match=True)}
        case Kind.PATH:
            return path(text(test.text))
        case Kind.CLAIM:
            found = listed_or_not(_value(test.text, negated or test.empty))
            return {"metadata": _at(TOKENS, [PAYLOAD, *test.keys], found)}
        case _:
            source, *keys = test.keys
            item = _value(test.text, negated or test.empty)
            value = pb.ValueMatcher(list_match=pb.ListMatcher(one_of=item)) if test.listed else item
            return {"metadata": _at(source, keys, value)}


def path(matcher: pb.StringMatcher) -> Carried:
    """A test of the path without its query."""
    return {"url_path": pb.PathMatcher(path=matcher)}


def claim(keys: tuple[str, ...], wanted: Pattern, negated: bool) -> Carried:
    """A test of a claim that is no list."""
    return {"metadata": _at(TOKENS, [PAYLOAD, *keys], _value(wanted, negated))}


def text(wanted: Pattern, *, fold: bool = False) -> pb.StringMatcher:
    """A comparison; `fold`: of letters in either case."""
    match wanted.fit:
        case Fit.PREFIX:
            return pb.StringMatcher(prefix=wanted.value, ignore_case=fold)
        case Fit.SUFFIX:
            return pb.StringMatcher(suffix=wanted.value, ignore_case=fold)
        case Fit.CONTAINS:
            return pb.StringMatcher(contains=wanted.value, ignore_case=fold)
        case _:
            return pb.StringMatcher(exact=wanted.value, ignore_case=fold)


def _header(name: str, wanted: Pattern, *, fold: bool = False) -> pb.HeaderMatcher:
    if wanted.fit is Fit.ANY:
        return pb.HeaderMatcher(name=name, present_match=True)
    return pb.HeaderMatcher(name=name, string_match=text(wanted, fold=fold))


def _at(source: str, keys: list[str], value: pb.ValueMatcher) -> pb.MetadataMatcher:
    segments = [pb.MetadataMatcher.PathSegment(key=key) for key in keys]
    return pb.MetadataMatcher(filter=source, path=segments, value=value)


def _value(wanted: Pattern, negated: bool) -> pb.ValueMatcher:
    if wanted.fit is not Fit.ANY:
        return pb.ValueMatcher(string_match=text(wanted))
    if negated:
        return pb.ValueMatcher(present_match=True)
    return pb.ValueMatcher(string_match=pb.StringMatcher(safe_regex=pb.RegexMatcher(regex=".+")))
