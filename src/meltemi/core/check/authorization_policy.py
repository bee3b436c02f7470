"""Rules for AuthorizationPolicies.

Place:  parse → [check/authorization_policy] → check/document
Source: Istio, "Authorization Policy", and pkg/config/validation, ValidateAuthorizationPolicy

What cannot be matched safely is an error: a rule that says less than its author meant is a hole.
"""

from collections.abc import Iterator

from meltemi.core.check.attributes import check_condition
from meltemi.core.check.context import Context
from meltemi.core.check.names import check_subnet
from meltemi.core.check.path_templates import check_path
from meltemi.core.check.patterns import check_account, check_length, check_pattern, check_port_text
from meltemi.core.check.possible import check_possible
from meltemi.core.check.report import ROOT, at, error, required, warning
from meltemi.core.check.target_refs import check_place
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.security.attribute import is_template, only_http
from meltemi.core.model.security.authorization_policy import (
    Action,
    AuthorizationPolicy,
    Operation,
    Rule,
    Source,
)

DRY_RUN = "istio.io/dry-run"
TRUTHS = ("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False")
"""What Istio takes for a truth value (Go's strconv.ParseBool)."""
MOST_ACCOUNTS = 16


def check_authorization_policy(policy: AuthorizationPolicy, context: Context) -> Iterator[Finding]:
    """Every fault of one AuthorizationPolicy."""
    yield from check_place(policy.selector, policy.target_ref, policy.target_refs)
    yield from _check_action(policy)
    yield from _check_dry_run(policy, context)
    for i, rule in enumerate(policy.rules or ()):
        yield from _check_rule(rule, at(ROOT, "rules", i))
        yield from _check_reach(rule, policy.action, at(ROOT, "rules", i))


def _check_action(policy: AuthorizationPolicy) -> Iterator[Finding]:
    custom = policy.action is Action.CUSTOM
    if policy.action in (Action.DENY, Action.CUSTOM) and not policy.rules:
        tip = "add a rule; 'rules: [{}]' is for every request"
        yield error("M2903", ROOT, f"a {policy.action} policy without rules is for no request", tip)
    if custom and (policy.provider is None or not policy.provider.name):
        yield required(ROOT, "provider.name", "name one of 'extensionProviders' of the mesh settings")
    if not custom and policy.provider is not None:
        tip = "remove 'provider', or write 'action: CUSTOM'"
        yield error("M2903", at(ROOT, "provider"), f"a provider is not asked by a policy that is {policy.action}", tip)


def _check_dry_run(policy: AuthorizationPolicy, context: Context) -> Iterator[Finding]:
    written = dict(context.meta.annotations).get(DRY_RUN)
    place = at(Path("metadata.annotations"), DRY_RUN)
    if written is None:
        return
    if written not in TRUTHS:
        yield error("M2904", place, f"{written!r} is neither true nor false", "write 'true' or 'false', in quotes")
    elif policy.action is Action.CUSTOM and written in TRUTHS[:6]:
        yield warning("M2904", place, "a provider cannot be tried: this policy has no effect", "remove the annotation")
    elif policy.action is Action.AUDIT:
        yield warning("M2904", place, "an AUDIT policy refuses nobody: it is not tried but takes effect", "remove it")


def _check_rule(rule: Rule, path: Path) -> Iterator[Finding]:
    for name, written in (("from", rule.from_), ("to", rule.to)):
        if written is not None and not written:
            tip = f"remove {name!r}, or name what it is for"
            yield error("M2905", at(path, name), f"{name!r} is empty: nothing could match it", tip)
    for i, entry in enumerate(rule.from_ or ()):
        yield from _check_source(entry.source, at(path, "from", i))
    for i, entry in enumerate(rule.to or ()):
        yield from _check_operation(entry.operation, at(path, "to", i))
    for i, condition in enumerate(rule.when):
        yield from check_condition(condition, at(path, "when", i))


def _lists(of: Source | Operation) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(attribute, values) of each list that is written."""
    for name in of.__struct_fields__:
        values: tuple[str, ...] = getattr(of, name)
        if values:
            yield name, values


def _check_source(source: Source | None, path: Path) -> Iterator[Finding]:
    if source is None:
        yield required(path, "source")
        return
    place = at(path, "source")
    if not any(_lists(source)):
        yield error("M2905", place, "the source names nothing", "name principals, namespaces, addresses, …")
    for name, values in _lists(source):
        yield from _check_values(values, at(place, _json(name)), addresses=name.endswith("ip_blocks"))
        yield from _check_possible(name, values, at(place, _json(name)))
    yield from _check_accounts(source, place)


def _check_accounts(source: Source, path: Path) -> Iterator[Finding]:
    accounts = (*source.service_accounts, *source.not_service_accounts)
    others = (source.principals, source.not_principals, source.namespaces, source.not_namespaces)
    if accounts and any(others):
        message = "'serviceAccounts' and 'principals' or 'namespaces' exclude each other"
        yield error("M2906", path, message, "write two sources, or keep one of them")
    for name, values in (
        ("serviceAccounts", source.service_accounts),
        ("notServiceAccounts", source.not_service_accounts),
    ):
        place = at(path, name)
        if len(values) > MOST_ACCOUNTS:
            yield error("M2906", place, f"{len(values)} accounts, and at most {MOST_ACCOUNTS} are possible")
        for i, account in enumerate(values):
            if account:
                yield from check_account(account, at(place, i))


def _check_operation(operation: Operation | None, path: Path) -> Iterator[Finding]:
    if operation is None:
        yield required(path, "operation")
        return
    place = at(path, "operation")
    if not any(_lists(operation)):
        yield error("M2905", place, "the operation names nothing", "name hosts, ports, methods or paths")
    for name, values in _lists(operation):
        yield from _check_values(
            values, at(place, _json(name)), ports=name.endswith("ports"), paths=name.endswith("paths")
        )
        yield from _check_possible(name, values, at(place, _json(name)))
        if name.endswith("paths"):
            for i, written in enumerate(values):
                yield from check_path(written, at(place, _json(name), i))


def _check_values(
    values: tuple[str, ...], path: Path, *, addresses: bool = False, ports: bool = False, paths: bool = False
) -> Iterator[Finding]:
    for i, value in enumerate(values):
        if addresses:
            yield from check_subnet(value, at(path, i))
            yield from check_possible("addresses", value, at(path, i))
        elif ports:
            yield from check_port_text(value, at(path, i))
        elif paths and is_template(value):
            yield from check_length(value, at(path, i))
        else:
            yield from check_pattern(value, at(path, i))


def _check_possible(name: str, values: tuple[str, ...], path: Path) -> Iterator[Finding]:
    for i, value in enumerate(values):
        yield from check_possible(name.removeprefix("not_"), value, at(path, i))


def _check_reach(rule: Rule, action: Action, path: Path) -> Iterator[Finding]:
    """A refusal that asks for HTTP alone is one of everything where bytes are passed on.

    Source: Istio, "Authorization Policy": HTTP attributes of DENY are ignored on TCP ports.
    """
    if action is not Action.DENY or not only_http(rule):
        return
    message = "this refuses all connections to TCP ports of the workload: nothing but HTTP is asked for"
    yield warning("M2908", path, message, "name the ports that it is for: 'to: [{operation: {ports: […]}}]'")


def _json(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)
