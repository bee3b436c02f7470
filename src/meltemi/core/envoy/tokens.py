"""Write Envoy's filter that verifies tokens.

Place:  view/tokens → [envoy/tokens] → pipeline/extensions
Source: Istio, pilot/pkg/security/authn, for what several issuers are together; Envoy, "JWT Authentication"
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.authorization import PAYLOAD
from meltemi.core.view.tokens import Issuer, Tokens


def token_message(tokens: Tokens) -> pb.JwtAuthentication:
    """All issuers. Keys are in the message: the proxy fetches nothing."""
    written = pb.JwtAuthentication(bypass_cors_preflight=True)
    for i, issuer in enumerate(tokens.issuers):
        written.providers[_name(i)].CopyFrom(_provider(issuer))
    rule = written.rules.add(requires=_requirement(tokens))
    rule.match.prefix = "/"
    return written


def _name(i: int) -> str:
    return f"origins-{i}"


def _provider(issuer: Issuer) -> pb.JwtProvider:
    rule = issuer.rule
    written = pb.JwtProvider(
        issuer=rule.issuer,
        audiences=rule.audiences,
        forward=rule.forward_original_token,
        forward_payload_header=rule.output_payload_to_header,
        payload_in_metadata=PAYLOAD,
        from_params=rule.from_params,
        from_cookies=rule.from_cookies,
    )
    written.local_jwks.inline_string = issuer.jwks
    written.normalize_payload_in_metadata.space_delimited_claims.extend(issuer.space_delimited)
    for header in rule.from_headers:
        written.from_headers.add(name=header.name, value_prefix=header.prefix)
    for told in rule.output_claim_to_headers:
        written.claim_to_headers.add(header_name=told.header, claim_name=told.claim)
    return written


def _requirement(tokens: Tokens) -> pb.JwtRequirement:
    """A token that is there must be sound; of those that are required, each.

    Where several issuers have their tokens in one place, each refuses the tokens of the others: any sound one is
    enough, unless one is required.
    """
    each = [_one(i, issuer) for i, issuer in enumerate(tokens.issuers)]
    if len(each) == 1:
        return each[0]
    together = pb.JwtRequirement(requires_all=pb.JwtRequirementAndList(requirements=each))
    if any(issuer.required for issuer in tokens.issuers):
        return together
    sound = [pb.JwtRequirement(provider_name=_name(i)) for i in range(len(each))]
    return pb.JwtRequirement(requires_any=pb.JwtRequirementOrList(requirements=[*sound, together]))


def _one(i: int, issuer: Issuer) -> pb.JwtRequirement:
    sound = pb.JwtRequirement(provider_name=_name(i))
    if issuer.required:
        return sound
    missing = pb.JwtRequirement()
    missing.allow_missing.SetInParent()
    return pb.JwtRequirement(requires_any=pb.JwtRequirementOrList(requirements=[sound, missing]))
