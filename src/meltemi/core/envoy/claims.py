"""Ask for a claim of a token that was found sound.

Place:  view/{authorization,match} → [envoy/claims] → envoy/{authorization,match}; written by envoy/tokens
"""

from collections.abc import Sequence

from meltemi.core.envoy import pb

TOKENS = "envoy.filters.http.jwt_authn"
"""Whose metadata has the payloads of tokens, as `payload`."""
PAYLOAD = "payload"


def claim_matcher(path: Sequence[str], value: pb.ValueMatcher, *, invert: bool = False) -> pb.MetadataMatcher:
    """A claim, or one item of it where it is a list."""
    steps = [pb.MetadataMatcher.PathSegment(key=key) for key in (PAYLOAD, *path)]
    return pb.MetadataMatcher(filter=TOKENS, path=steps, value=listed_or_not(value), invert=invert)


def listed_or_not(value: pb.ValueMatcher) -> pb.ValueMatcher:
    """A value, or one item of a list."""
    any_item = pb.ValueMatcher(list_match=pb.ListMatcher(one_of=value))
    return pb.ValueMatcher(or_match=pb.OrMatcher(value_matchers=[any_item, value]))
