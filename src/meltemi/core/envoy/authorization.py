"""Write what policies ask as Envoy's RBAC filters.

Place:  view/authorization → [envoy/authorization] → pipeline/extensions

What must not hold is written without regular expressions: one that cannot be evaluated (RE2 fits no text that is not
UTF-8) does not hold, so that its negation would.
"""

from collections.abc import Iterable, Mapping

from meltemi.core.envoy import pb
from meltemi.core.envoy.carried import carried, claim, path, text
from meltemi.core.envoy.listener import cidr
from meltemi.core.envoy.placing import EITHER, by_beginning, placed
from meltemi.core.envoy.principals import principal_names
from meltemi.core.model.security.attribute import ONE_SEGMENT, SEGMENTS
from meltemi.core.model.security.authorization_policy import Action
from meltemi.core.view.authorization import UNREAD, Clause, Clauses, Fit, Kind, Policy, Test

ACTIONS = {
    Action.ALLOW: pb.RBACRules.ALLOW,
    Action.DENY: pb.RBACRules.DENY,
    Action.AUDIT: pb.RBACRules.LOG,
    Action.CUSTOM: pb.RBACRules.DENY,
}
REFUSED = "deny-due-to-refused-rules"
_TRIED = {Action.ALLOW: "istio_dry_run_allow_", Action.DENY: "istio_dry_run_deny_", Action.CUSTOM: "istio_ext_authz_"}
"""What statistics of policies that are only tried begin with (Istio's names)."""
AUDITED = "meltemi_audit_"
"""The same for policies of AUDIT: who matches one has been allowed nothing by it."""


def http_rules(action: Action, enforced: Iterable[Policy] | None, tried: Iterable[Policy] | None) -> pb.HTTPRBAC:
    """The filter of one action for requests. None: there are no such policies.

    Each rule is counted where that is all it does. Others are not: a counter costs each request.
    """
    audits, only_tried = action is Action.AUDIT, tried is not None and action is not Action.CUSTOM
    written = pb.HTTPRBAC(track_per_rule_stats=audits or only_tried)
    if audits:
        written.rules_stat_prefix = AUDITED
    if enforced is not None:
        written.rules.CopyFrom(_rules(action, enforced))
    if tried is not None:
        written.shadow_rules.CopyFrom(_rules(action, tried))
        written.shadow_rules_stat_prefix = _TRIED[action]
    return written


def network_rules(action: Action, enforced: Iterable[Policy] | None, tried: Iterable[Policy] | None) -> pb.NetworkRBAC:
    """The same for connections of bytes."""
    written = pb.NetworkRBAC(stat_prefix="tcp.")
    if enforced is not None:
        written.rules.CopyFrom(_rules(action, enforced))
    if tried is not None:
        written.shadow_rules.CopyFrom(_rules(action, tried))
        written.shadow_rules_stat_prefix = _TRIED[action]
    return written


def nobody_may(*, network: bool) -> pb.HTTPRBAC | pb.NetworkRBAC:
    """What stands where Envoy refuses the rules."""
    rules = pb.RBACRules(action=pb.RBACRules.DENY)
    everybody = pb.RBACPolicy(permissions=[pb.Permission(any=True)], principals=[pb.Principal(any=True)])
    rules.policies[REFUSED].CopyFrom(everybody)
    return pb.NetworkRBAC(stat_prefix="tcp.", rules=rules) if network else pb.HTTPRBAC(rules=rules)


def _rules(action: Action, policies: Iterable[Policy]) -> pb.RBACRules:
    written = pb.RBACRules(action=ACTIONS[action])
    for policy in policies:
        written.policies[policy.name].CopyFrom(_policy(policy))
    return written


def _policy(policy: Policy) -> pb.RBACPolicy:
    if policy.never:
        nobody = pb.Principal(not_id=pb.Principal(any=True))
        return pb.RBACPolicy(permissions=[pb.Permission(not_rule=pb.Permission(any=True))], principals=[nobody])
    asked, asking = placed(policy)
    return pb.RBACPolicy(
        permissions=[one for clauses in asked for one in _either_asked(clauses)],
        principals=[one for clauses in asking for one in _either_asking(clauses)],
    )


def _either_asked(clauses: Clauses) -> list[pb.Permission]:
    """If one of these holds, all clauses do. What stands alone gets no message around it, which costs each request."""
    if not clauses:
        return [pb.Permission(any=True)]
    first, *more = clauses
    if more or first.negated:
        return [_all_asked([_asked(one) for one in clauses])]
    return _permissions(first)


def _asked(clause: Clause) -> pb.Permission:
    any_of = _any_asked(_permissions(clause))
    return pb.Permission(not_rule=any_of) if clause.negated else any_of


def _permissions(clause: Clause) -> list[pb.Permission]:
    alone, together = by_beginning(clause.tests)
    found = [_permission(test, clause.negated) for test in alone]
    for beginning, tests in together:
        within = _any_asked([_permission(test, clause.negated) for test in tests])
        found.append(_all_asked([_path(pb.StringMatcher(prefix=beginning)), within]))
    return found


def _all_asked(rules: list[pb.Permission]) -> pb.Permission:
    return rules[0] if len(rules) == 1 else pb.Permission(and_rules=pb.Permission.Set(rules=rules))


def _any_asked(rules: list[pb.Permission]) -> pb.Permission:
    return rules[0] if len(rules) == 1 else pb.Permission(or_rules=pb.Permission.Set(rules=rules))


def _either_asking(clauses: Clauses) -> list[pb.Principal]:
    """The same for principals."""
    if not clauses:
        return [pb.Principal(any=True)]
    first, *more = clauses
    if more:
        return [pb.Principal(and_ids=pb.Principal.Set(ids=[_asking(one) for one in clauses]))]
    return [_asking(first)] if first.negated else _principals(first)


def _asking(clause: Clause) -> pb.Principal:
    found = _principals(clause)
    any_of = found[0] if len(found) == 1 else pb.Principal(or_ids=pb.Principal.Set(ids=found))
    return pb.Principal(not_id=any_of) if clause.negated else any_of


def _principals(clause: Clause) -> list[pb.Principal]:
    return [_principal(test, clause.negated) for test in clause.tests]


def _permission(test: Test, negated: bool) -> pb.Permission:
    match test.kind:
        case Kind.TEMPLATE:
            fits = [pb.Permission(uri_template=_template(test.text.value))]
            fits += [_path(pb.StringMatcher(contains=one)) for one in UNREAD] if test.closed else []
            return _around(test.keys, [_any_asked(fits)])
        case Kind.AROUND:
            return _around(test.keys, [])
        case Kind.PORT:
            return pb.Permission(destination_port=int(test.text.value))
        case Kind.DESTINATION:
            return pb.Permission(destination_ip=cidr(test.text.value))
        case Kind.SERVER_NAME:
            if test.text.fit is Fit.ANY:
                unnamed = pb.Permission(requested_server_name=pb.StringMatcher(exact=""))
                return pb.Permission(not_rule=unnamed)
            return pb.Permission(requested_server_name=text(test.text))
        case _:
            return pb.Permission(**carried(test, negated))


def _principal(test: Test, negated: bool) -> pb.Principal:
    match test.kind:
        case Kind.SOURCE:
            return pb.Principal(direct_remote_ip=cidr(test.text.value))
        case Kind.REMOTE:
            return pb.Principal(remote_ip=cidr(test.text.value))
        case Kind.TOKEN:
            names = (("iss",), test.text), (("sub",), test.subject)
            claims = [pb.Principal(**claim(keys, wanted, negated)) for keys, wanted in names]
            return pb.Principal(and_ids=pb.Principal.Set(ids=claims))
        case kind if kind in EITHER:
            return pb.Principal(**carried(test, negated))
        case _:
            return principal_names(test, negated)


def _around(ends: tuple[str, ...], more: list[pb.Permission]) -> pb.Permission:
    """How a path begins and ends, and then more: by far most paths are told apart by this, at less cost."""
    before, after = ends
    found = [pb.StringMatcher(prefix=before)] if before else []
    found += [pb.StringMatcher(suffix=after)] if after else []
    return _all_asked([*(_path(one) for one in found), *more])


def _path(matcher: pb.StringMatcher) -> pb.Permission:
    return pb.Permission(**path(matcher))


_TEMPLATE: Mapping[str, str] = {SEGMENTS: "**", ONE_SEGMENT: "*"}


def _template(path: str) -> pb.TypedExtensionConfig:
    for written, operator in _TEMPLATE.items():
        path = path.replace(written, operator)
    config = pb.UriTemplateMatchConfig(path_template=path)
    return pb.TypedExtensionConfig(name="uri-template", typed_config=pb.any_of(config))
