"""Write what authentication Policies ask for into the filter that verifies tokens.

Place:  view/origins, envoy/tokens → [envoy/origins] → pipeline/extensions
Source: Envoy, "JWT Authentication", "Composite Filter", "Matching API"
"""

from collections.abc import Mapping

from meltemi.core.envoy import pb
from meltemi.core.envoy.tokens import provider
from meltemi.core.view.origins import Asked, AskedTokens, Stretch


def origins_message(base: pb.JwtAuthentication, asked: AskedTokens, *, routed: bool) -> pb.JwtAuthentication:
    """What is believed already (`base`), and what must be sound besides, by paths."""
    if not asked.stretches:
        return base
    written = pb.JwtAuthentication()
    written.CopyFrom(base)
    written.bypass_cors_preflight = True
    del written.rules[:]
    for i, issuer in enumerate(asked.issuers):
        written.providers[_name(i)].CopyFrom(provider(issuer, routed))
    for stretch in asked.stretches:
        written.rules.append(_rule(stretch, [rule.requires for rule in base.rules]))
    return written


def by_ports(messages: Mapping[int, pb.JwtAuthentication], others: pb.JwtAuthentication) -> pb.Message:
    """One filter for each of the ports, one for all others."""
    if not messages:
        return others
    ports = pb.Matcher.MatcherTree(input=_input(pb.DestinationPortInput()))
    for port, message in messages.items():
        ports.exact_match_map.map[str(port)].CopyFrom(_run(message))
    matcher = pb.Matcher(matcher_tree=ports, on_no_match=_run(others))
    chosen = pb.ExtensionWithMatcher(xds_matcher=matcher)
    chosen.extension_config.CopyFrom(_named("composite", pb.Composite()))
    return chosen


def _run(message: pb.JwtAuthentication) -> pb.Matcher.OnMatch:
    action = pb.ExecuteFilterAction(typed_config=_named("tokens", message))
    return pb.Matcher.OnMatch(action=_input(action))


def _input(config: pb.Message) -> pb.XdsExtension:
    return pb.XdsExtension(name=config.DESCRIPTOR.name, typed_config=pb.any_of(config))


def _named(name: str, config: pb.Message) -> pb.TypedExtensionConfig:
    return pb.TypedExtensionConfig(name=name, typed_config=pb.any_of(config))


def _name(i: int) -> str:
    return f"older-{i}"


def _rule(stretch: Stretch, base: list[pb.JwtRequirement]) -> pb.RequirementRule:
    written = pb.RequirementRule()
    if stretch.exact:
        written.match.path = stretch.path
    else:
        written.match.prefix = stretch.path
    every = [*base, *(_one_of(asked) for asked in stretch.asked)]
    if every:
        together = pb.JwtRequirement(requires_all=pb.JwtRequirementAndList(requirements=every))
        written.requires.CopyFrom(every[0] if len(every) == 1 else together)
    return written


def _one_of(asked: Asked) -> pb.JwtRequirement:
    every = [pb.JwtRequirement(provider_name=_name(i)) for i in asked.issuers]
    if asked.optional:
        either = pb.JwtRequirement()
        either.allow_missing_or_failed.SetInParent()
        every.append(either)
    return every[0] if len(every) == 1 else pb.JwtRequirement(requires_any=pb.JwtRequirementOrList(requirements=every))
