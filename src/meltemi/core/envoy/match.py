"""Write the conditions of a route as Envoy's route.v3.RouteMatch.

Place:  view/match → [envoy/match] → envoy/route
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.claims import claim_matcher
from meltemi.core.view.match import Claim, Field, How, RequestMatch, Text


def route_match(match: RequestMatch) -> pb.RouteMatch:
    """Translate field by field."""
    written = pb.RouteMatch(
        headers=[header_matcher(h) for h in match.headers],
        query_parameters=[_parameter(q) for q in match.query],
        dynamic_metadata=[_claim(c) for c in match.claims],
    )
    path = match.path
    if path.how is How.EXACT:
        written.path = path.value
    elif path.how is How.REGEX:
        written.safe_regex.regex = path.value
    else:
        written.prefix = path.value
    if path.ignore_case:
        written.case_sensitive.value = False
    return written


def string_matcher(text: Text) -> pb.StringMatcher:
    """A condition on a text; presence is any text."""
    if text.how is How.EXACT:
        return pb.StringMatcher(exact=text.value, ignore_case=text.ignore_case)
    if text.how is How.PREFIX and text.value:
        return pb.StringMatcher(prefix=text.value, ignore_case=text.ignore_case)
    return pb.StringMatcher(safe_regex=pb.RegexMatcher(regex=text.value if text.how is How.REGEX else ".*"))


def header_matcher(field: Field) -> pb.HeaderMatcher:
    """A condition on a header. An absent header fits an inverted comparison: Envoy must take it as empty for that."""
    written = pb.HeaderMatcher(name=field.name, invert_match=field.invert)
    if field.text.how is How.PRESENT:
        written.present_match = True
    else:
        written.string_match.CopyFrom(string_matcher(field.text))
        written.treat_missing_header_as_empty = field.invert
    return written


def _claim(claim: Claim) -> pb.MetadataMatcher:
    present = claim.text.how is How.PRESENT
    value = pb.ValueMatcher(present_match=True) if present else pb.ValueMatcher(string_match=string_matcher(claim.text))
    return claim_matcher(claim.path, value, invert=claim.invert)


def _parameter(field: Field) -> pb.QueryParameterMatcher:
    if field.text.how is How.PRESENT:
        return pb.QueryParameterMatcher(name=field.name, present_match=True)
    return pb.QueryParameterMatcher(name=field.name, string_match=string_matcher(field.text))
