"""Write tests of who a certificate names.

Place:  view/authorization → [envoy/principals] → envoy/authorization
Source: Istio, pilot/pkg/security/authz/model: identities are `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT`

What must hold may be a regular expression: names come from certificates that an authority of the mesh has signed.
Before it stands what is cheap to compare and most names do not have: of 200 policies few expressions are evaluated
(bench/rules). What must not hold is written without any (envoy/authorization); there the whole form of an identity is
relied on.
"""

import re

from meltemi.core.envoy import pb
from meltemi.core.view.authorization import Fit, Kind, Pattern, Test

SPIFFE = "spiffe://"


def principal_names(test: Test, negated: bool) -> pb.Principal:
    """An identity, its namespace or its account."""
    if test.kind is Kind.NAMESPACE:
        return _unlike_namespace(test.text) if negated else _namespace(test.text)
    if test.kind is Kind.ACCOUNT:
        return _account(test.keys[0], test.text.value, negated)
    return _identity(test.text, negated)


def _identity(text: Pattern, negated: bool) -> pb.Principal:
    match text.fit:
        case Fit.EXACT:
            return _named(pb.StringMatcher(exact=SPIFFE + text.value))
        case Fit.PREFIX:
            return _named(pb.StringMatcher(prefix=SPIFFE + text.value))
        case Fit.SUFFIX if negated:
            return _both(pb.StringMatcher(prefix=SPIFFE), pb.StringMatcher(suffix=text.value))
        case Fit.SUFFIX:
            return _both(pb.StringMatcher(suffix=text.value), _regex(f"{SPIFFE}.*{re.escape(text.value)}"))
        case Fit.CONTAINS:
            return _named(pb.StringMatcher(contains=text.value))
        case Fit.ANY:
            # Not the bare question for a certificate: Envoy says yes to TLS without one.
            return _named(pb.StringMatcher(prefix=SPIFFE) if negated else _regex(".+"))


def _namespace(text: Pattern) -> pb.Principal:
    if text.fit is Fit.EXACT:
        return _named(pb.StringMatcher(contains=f"/ns/{text.value}/"))
    name = re.escape(text.value)
    written = {Fit.PREFIX: f"{name}.*", Fit.SUFFIX: f".*{name}", Fit.ANY: ".*"}[text.fit]
    literal = f"{text.value}/" if text.fit is Fit.SUFFIX else f"/ns/{text.value}"
    return _both(pb.StringMatcher(contains=literal), _regex(f".*/ns/{written}/.*"))


def _unlike_namespace(text: Pattern) -> pb.Principal:
    match text.fit:
        case Fit.EXACT:
            return _named(pb.StringMatcher(contains=f"/ns/{text.value}/"))
        case Fit.SUFFIX:
            return _both(pb.StringMatcher(contains="/ns/"), pb.StringMatcher(contains=f"{text.value}/sa/"))
        case _:
            return _named(pb.StringMatcher(contains=f"/ns/{text.value}"))


def _account(namespace: str, name: str, negated: bool) -> pb.Principal:
    if negated:
        return _both(pb.StringMatcher(prefix=SPIFFE), pb.StringMatcher(suffix=f"/ns/{namespace}/sa/{name}"))
    inner, outer = re.escape(namespace), re.escape(name)
    literal = pb.StringMatcher(contains=f"/ns/{namespace}/")
    return _both(literal, _regex(f"{SPIFFE}.+/ns/{inner}/(.+/|)sa/{outer}(/.+)?"))


def _both(one: pb.StringMatcher, other: pb.StringMatcher) -> pb.Principal:
    return pb.Principal(and_ids=pb.Principal.Set(ids=[_named(one), _named(other)]))


def _named(matcher: pb.StringMatcher) -> pb.Principal:
    written = pb.Principal()
    written.authenticated.principal_name.CopyFrom(matcher)
    return written


def _regex(pattern: str) -> pb.StringMatcher:
    return pb.StringMatcher(safe_regex=pb.RegexMatcher(regex=pattern))
