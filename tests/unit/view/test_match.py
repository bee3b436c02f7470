"""view/match settles one match."""

from meltemi.core.model.traffic.common import StringMatch
from meltemi.core.model.traffic.virtual_service import HTTPMatchRequest
from meltemi.core.view.match import Field, How, RequestMatch, Text, request_match


def test_no_match_takes_everything() -> None:
    assert request_match(None).takes_all
    assert request_match(HTTPMatchRequest(uri=StringMatch(prefix="/"))).takes_all
    assert not request_match(HTTPMatchRequest(uri=StringMatch(prefix="/a"))).takes_all


def test_pseudo_headers_and_inverted_headers() -> None:
    written = HTTPMatchRequest(
        method=StringMatch(exact="GET"), headers=(("X-A", StringMatch()),), without_headers=(("x-b", StringMatch()),)
    )

    assert request_match(written).headers == (
        Field(name=":method", text=Text(how=How.EXACT, value="GET")),
        Field(name="x-a", text=Text(how=How.PRESENT)),
        Field(name="x-b", text=Text(how=How.PRESENT), invert=True),
    )


def test_the_case_of_a_path_counts_in_regular_expressions() -> None:
    """Istio: `ignoreUriCase` is for exact and prefix only."""
    prefix = request_match(HTTPMatchRequest(uri=StringMatch(prefix="/a"), ignore_uri_case=True))
    regex = request_match(HTTPMatchRequest(uri=StringMatch(regex="/a"), ignore_uri_case=True))

    assert prefix.path.ignore_case
    assert regex == RequestMatch(path=Text(how=How.REGEX, value="/a"))
