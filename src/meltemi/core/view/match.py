"""What a request must be for a route to take it.

Place:  model/traffic HTTPMatchRequest → [view/match] → envoy/match
"""

from enum import StrEnum

from meltemi.core.model.security.attribute import claim_path
from meltemi.core.model.traffic.common import StringMatch
from meltemi.core.model.traffic.virtual_service import HTTPMatchRequest
from meltemi.core.model.value import Value


class How(StrEnum):
    """How a text is compared."""

    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"
    """RE2, the whole text."""
    PRESENT = "present"
    """Any value."""


class Text(Value, frozen=True, kw_only=True):
    """A condition on a text."""

    how: How
    value: str = ""
    ignore_case: bool = False


class Field(Value, frozen=True, kw_only=True):
    """A condition on a header (pseudo-headers too) or a query parameter."""

    name: str
    text: Text
    invert: bool = False


class Claim(Value, frozen=True, kw_only=True):
    """A condition on a claim of a token that was found sound; without a token there is none."""

    path: tuple[str, ...]
    text: Text
    invert: bool = False


class RequestMatch(Value, frozen=True, kw_only=True):
    """All conditions of one route."""

    path: Text = Text(how=How.PREFIX, value="/")
    headers: tuple[Field, ...] = ()
    query: tuple[Field, ...] = ()
    claims: tuple[Claim, ...] = ()

    @property
    def takes_all(self) -> bool:
        """Whether every request fits: what follows such a route is never reached."""
        return self == RequestMatch()


def request_match(written: HTTPMatchRequest | None) -> RequestMatch:
    """Settle one match; its conditions on port, gateway and source were decided before."""
    if written is None:
        return RequestMatch()
    pseudo = ((":scheme", written.scheme), (":method", written.method), (":authority", written.authority))
    headers = [Field(name=name, text=text(m)) for name, m in pseudo if m is not None and _says(m)]
    claims: list[Claim] = []
    for pairs, invert in ((written.headers, False), (written.without_headers, True)):
        for name, m in pairs:
            if path := claim_path(name):
                claims.append(Claim(path=path, text=text(m), invert=invert))
            else:
                headers.append(Field(name=name.lower(), text=text(m), invert=invert))
    query = tuple(Field(name=name, text=text(m)) for name, m in written.query_params)
    return RequestMatch(path=_path(written), headers=tuple(headers), query=query, claims=tuple(claims))


def text(written: StringMatch) -> Text:
    """Settle one comparison; one without a field asks for presence only."""
    if written.exact is not None:
        return Text(how=How.EXACT, value=written.exact)
    if written.prefix is not None:
        return Text(how=How.PREFIX, value=written.prefix)
    if written.regex is not None and written.regex != "*":
        return Text(how=How.REGEX, value=written.regex)
    return Text(how=How.PRESENT)


def _says(written: StringMatch) -> bool:
    return text(written).how is not How.PRESENT


def _path(written: HTTPMatchRequest) -> Text:
    if written.uri is None or not _says(written.uri):
        return RequestMatch().path
    settled = text(written.uri)
    # Source: Istio, HTTPMatchRequest.ignoreUriCase: exact and prefix only.
    fold = written.ignore_uri_case and settled.how is not How.REGEX
    return Text(how=settled.how, value=settled.value, ignore_case=fold)
