"""Write Envoy's filter that verifies tokens.

Place:  view/tokens → [envoy/tokens] → envoy/origins, pipeline/extensions
Source: Istio, pilot/pkg/security/authn, for what several issuers are together; Envoy, "JWT Authentication"
"""

from itertools import count

from meltemi.core.envoy import pb
from meltemi.core.envoy.claims import PAYLOAD
from meltemi.core.view.tokens import Issuer, Tokens


def token_message(tokens: Tokens, *, routed: bool) -> pb.JwtAuthentication:
    """All issuers. Keys are in the message: the proxy fetches nothing. `routed`: routes may ask for claims, and must be
    chosen again when these are known."""
    named = _named(tokens)
    written = pb.JwtAuthentication(bypass_cors_preflight=True)
    for name, issuer in (pair for group in named for pair in group.items()):
        written.providers[name].CopyFrom(provider(issuer, routed))
    rule = written.rules.add(requires=_all([_requirement(group) for group in named]))
    rule.match.prefix = "/"
    return written


def _named(tokens: Tokens) -> list[dict[str, Issuer]]:
    names = (f"origins-{i}" for i in count())
    return [{next(names): issuer for issuer in group} for group in tokens.groups]


def provider(issuer: Issuer, routed: bool) -> pb.JwtProvider:
    """How tokens of one issuer are found and verified."""
    rule = issuer.rule
    written = pb.JwtProvider(
        issuer=rule.issuer,
        audiences=rule.audiences,
        forward=rule.forward_original_token,
        forward_payload_header=rule.output_payload_to_header,
        payload_in_metadata=PAYLOAD,
        from_params=rule.from_params,
        from_cookies=rule.from_cookies,
        clear_route_cache=routed,
    )
    written.local_jwks.inline_string = issuer.jwks
    written.normalize_payload_in_metadata.space_delimited_claims.extend(issuer.space_delimited)
    for header in rule.from_headers:
        written.from_headers.add(name=header.name, value_prefix=header.prefix)
    for told in rule.output_claim_to_headers:
        written.claim_to_headers.add(header_name=told.header, claim_name=told.claim)
    return written


def _requirement(group: dict[str, Issuer]) -> pb.JwtRequirement:
    """Of issuers with a place in common. A token that is there must be sound; of those that are required, each.

    Each refuses the tokens of the others: any sound one is enough, unless one is required.
    """
    together = _all([_one(name, issuer) for name, issuer in group.items()])
    if len(group) == 1 or any(issuer.required for issuer in group.values()):
        return together
    return _any([*(pb.JwtRequirement(provider_name=name) for name in group), together])


def _one(name: str, issuer: Issuer) -> pb.JwtRequirement:
    sound = pb.JwtRequirement(provider_name=name)
    if issuer.required:
        return sound
    missing = pb.JwtRequirement()
    missing.allow_missing.SetInParent()
    return _any([sound, missing])


def _all(each: list[pb.JwtRequirement]) -> pb.JwtRequirement:
    return each[0] if len(each) == 1 else pb.JwtRequirement(requires_all=pb.JwtRequirementAndList(requirements=each))


def _any(each: list[pb.JwtRequirement]) -> pb.JwtRequirement:
    return pb.JwtRequirement(requires_any=pb.JwtRequirementOrList(requirements=each))
