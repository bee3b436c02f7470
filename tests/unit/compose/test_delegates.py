"""compose/delegates puts a delegate's rules in the place of the rule that names it."""

from meltemi.core.compose.delegates import merged_matches, merged_route
from meltemi.core.model.traffic.common import StringMatch
from meltemi.core.model.traffic.virtual_service import HTTPMatchRequest, HTTPRoute
from meltemi.core.model.units import Seconds

API = HTTPMatchRequest(uri=StringMatch(prefix="/api"), headers=(("x-a", StringMatch(exact="a")),))


def test_conditions_of_both_sides_hold() -> None:
    got = merged_matches((API,), (HTTPMatchRequest(uri=StringMatch(exact="/api/v1")),))

    assert got == (HTTPMatchRequest(uri=StringMatch(exact="/api/v1"), headers=API.headers),)


def test_a_condition_outside_the_roots_never_holds() -> None:
    assert merged_matches((API,), (HTTPMatchRequest(uri=StringMatch(prefix="/other")),)) is None


def test_without_conditions_the_roots_remain() -> None:
    assert merged_matches((API,), ()) == (API,)


def test_the_delegate_speaks_first() -> None:
    got = merged_route(HTTPRoute(name="root", timeout=Seconds(1)), HTTPRoute(name="leaf", timeout=Seconds(2)), ())

    assert (got.name, got.timeout) == ("root-leaf", 2)
