"""Write what policies ask as Envoy's RBAC filters.

Place:  view/authorization → [envoy/authorization] → pipeline/extensions

What must not hold is written without regular expressions: one that cannot be evaluated (RE2 fits no text that is not
UTF-8) does not hold, so that its negation would. Header, path and server names come from callers; they are never
compared with one.
"""

from collections.abc import Iterable, Mapping

from meltemi.core.envoy import pb
from meltemi.core.envoy.claims import PAYLOAD, TOKENS, listed_or_not
from meltemi.core.envoy.listener import cidr
from meltemi.core.envoy.principals import principal_names
from meltemi.core.model.security.attribute import ONE_SEGMENT, SEGMENTS
from meltemi.core.model.security.authorization_policy import Action
from meltemi.core.view.authorization import ANY, UNREAD, Clause, Clauses, Fit, Kind, Pattern, Policy, Test

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
    return pb.RBACPolicy(
        permissions=[_all_asked(clauses) for clauses in policy.asked],
        principals=[_all_asking(clauses) for clauses in policy.asking],
    )


def _all_asked(clauses: Clauses) -> pb.Permission:
    found = [_asked(clause) for clause in clauses] or [pb.Permission(any=True)]
    return pb.Permission(and_rules=pb.Permission.Set(rules=found))


def _asked(clause: Clause) -> pb.Permission:
    any_of = pb.Permission(or_rules=pb.Permission.Set(rules=[_permission(t, clause.negated) for t in clause.tests]))
    return pb.Permission(not_rule=any_of) if clause.negated else any_of


def _all_asking(clauses: Clauses) -> pb.Principal:
    found = [_asking(clause) for clause in clauses] or [pb.Principal(any=True)]
    return pb.Principal(and_ids=pb.Principal.Set(ids=found))


def _asking(clause: Clause) -> pb.Principal:
    any_of = pb.Principal(or_ids=pb.Principal.Set(ids=[_principal(t, clause.negated) for t in clause.tests]))
    if len(clause.tests) > 1 and clause.tests[0].kind is Kind.HEADER:
        # Most requests do not have it: to look for it once costs less.
        there = pb.Principal(header=_header(clause.tests[0].keys[0], ANY))
        any_of = pb.Principal(and_ids=pb.Principal.Set(ids=[there, any_of]))
    return pb.Principal(not_id=any_of) if clause.negated else any_of


_HEADERS = {Kind.HOST: ":authority", Kind.METHOD: ":method"}


def _permission(test: Test, negated: bool) -> pb.Permission:
    match test.kind:
        case Kind.HOST | Kind.METHOD:
            name, fold = _HEADERS[test.kind], test.kind is Kind.HOST
            return pb.Permission(header=_header(name, test.text, fold=fold))
        case Kind.PATH:
            if test.text.fit is Fit.ANY:
                return pb.Permission(header=pb.HeaderMatcher(name=":path", present_match=True))
            return pb.Permission(url_path=pb.PathMatcher(path=_text(test.text)))
        case Kind.TEMPLATE:
            fits = [pb.Permission(uri_template=_template(test.text.value))]
            fits += [_contains(one) for one in UNREAD] if test.closed else []
            return _around(test.keys, [pb.Permission(or_rules=pb.Permission.Set(rules=fits))])
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
            return pb.Permission(requested_server_name=_text(test.text))
        case _:
            source, *keys = test.keys
            item = _value(test.text, negated or test.empty)
            value = pb.ValueMatcher(list_match=pb.ListMatcher(one_of=item)) if test.listed else item
            return pb.Permission(metadata=_at(source, keys, value))


def _principal(test: Test, negated: bool) -> pb.Principal:
    match test.kind:
        case Kind.SOURCE:
            return pb.Principal(direct_remote_ip=cidr(test.text.value))
        case Kind.REMOTE:
            return pb.Principal(remote_ip=cidr(test.text.value))
        case Kind.HEADER:
            return pb.Principal(header=_header(test.keys[0], test.text))
        case Kind.TOKEN:
            issuer, subject = _claim(("iss",), test.text, negated), _claim(("sub",), test.subject, negated)
            return pb.Principal(and_ids=pb.Principal.Set(ids=[issuer, subject]))
        case Kind.CLAIM:
            found = listed_or_not(_value(test.text, negated or test.empty))
            return pb.Principal(metadata=_at(TOKENS, [PAYLOAD, *test.keys], found))
        case _:
            return principal_names(test, negated)


def _claim(keys: tuple[str, ...], text: Pattern, negated: bool) -> pb.Principal:
    return pb.Principal(metadata=_at(TOKENS, [PAYLOAD, *keys], _value(text, negated)))


def _around(ends: tuple[str, ...], more: list[pb.Permission]) -> pb.Permission:
    """How a path begins and ends, and then more: by far most paths are told apart by this, at less cost."""
    before, after = ends
    found = [pb.StringMatcher(prefix=before)] if before else []
    found += [pb.StringMatcher(suffix=after)] if after else []
    rules = [pb.Permission(url_path=pb.PathMatcher(path=one)) for one in found]
    return pb.Permission(and_rules=pb.Permission.Set(rules=[*rules, *more]))


def _contains(text: str) -> pb.Permission:
    return pb.Permission(url_path=pb.PathMatcher(path=pb.StringMatcher(contains=text)))


def _header(name: str, text: Pattern, *, fold: bool = False) -> pb.HeaderMatcher:
    if text.fit is Fit.ANY:
        return pb.HeaderMatcher(name=name, present_match=True)
    return pb.HeaderMatcher(name=name, string_match=_text(text, fold=fold))


def _text(text: Pattern, *, fold: bool = False) -> pb.StringMatcher:
    match text.fit:
        case Fit.PREFIX:
            return pb.StringMatcher(prefix=text.value, ignore_case=fold)
        case Fit.SUFFIX:
            return pb.StringMatcher(suffix=text.value, ignore_case=fold)
        case _:
            return pb.StringMatcher(exact=text.value, ignore_case=fold)


def _at(source: str, keys: list[str], value: pb.ValueMatcher) -> pb.MetadataMatcher:
    path = [pb.MetadataMatcher.PathSegment(key=key) for key in keys]
    return pb.MetadataMatcher(filter=source, path=path, value=value)


def _value(text: Pattern, negated: bool) -> pb.ValueMatcher:
    if text.fit is not Fit.ANY:
        return pb.ValueMatcher(string_match=_text(text))
    if negated:
        return pb.ValueMatcher(present_match=True)
    return pb.ValueMatcher(string_match=pb.StringMatcher(safe_regex=pb.RegexMatcher(regex=".+")))


_TEMPLATE: Mapping[str, str] = {SEGMENTS: "**", ONE_SEGMENT: "*"}


def _template(path: str) -> pb.TypedExtensionConfig:
    for written, operator in _TEMPLATE.items():
        path = path.replace(written, operator)
    config = pb.UriTemplateMatchConfig(path_template=path)
    return pb.TypedExtensionConfig(name="uri-template", typed_config=pb.any_of(config))
