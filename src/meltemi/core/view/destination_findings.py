"""What services and DestinationRules have to say across documents: who loses to whom, and what comes later.

Place:  compose/{registry,destination_rules} → [view/destination_findings] → pipeline/findings

One cell a document, so a changed document is looked at alone.
"""

from collections.abc import Iterator

from meltemi.core.check.report import at, on, warning
from meltemi.core.compose.destination_rules import (
    RuleHead,
    by_latency,
    rule_head,
    rule_heads,
    rule_index,
)
from meltemi.core.compose.hosts import covers
from meltemi.core.compose.registry import hosts, joins, made, makers, service
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.destination_rule import BY_LATENCY
from meltemi.core.view.latency import measured

POLICY = Path("spec.trafficPolicy")


def destination_findings(e: Engine) -> tuple[Finding, ...]:
    """Everything, document by document."""
    found: list[Finding] = []
    for h in e.get(rule_heads):
        found += e.get(rule_findings, h.key)
    for host in e.get(makers):
        found += e.get(host_findings, host)
    return tuple(found)


def rule_findings(e: Engine, key: Key) -> tuple[Finding, ...]:
    """What one DestinationRule says without effect."""
    h = e.get(rule_head, key)
    if h is None:
        return ()
    return (*_unmatched(e, h), *_shadowed(e, h), *_unweighed(e, h))


def _unmatched(e: Engine, h: RuleHead) -> Iterator[Finding]:
    known = e.get(service, h.host) is not None or (
        h.host.startswith("*") and any(covers(h.host, host) for host in e.get(hosts))
    )
    if not known:
        tip = "apply a Service or ServiceEntry, or correct the name"
        yield on(h.key, warning("M3201", at(Path("spec"), "host"), f"there is no service {h.host!r}", tip))


def _unweighed(e: Engine, h: RuleHead) -> Iterator[Finding]:
    """Weights by latency for a host that takes bytes only."""
    found = e.get(service, h.host)
    if found is None or not e.get(by_latency, h.key) or any(measured(port.protocol) for port in found.ports):
        return
    message = f"no port of {h.host!r} takes requests, whose answers could be timed"
    yield on(h.key, warning("M3207", at(Path("metadata.annotations"), BY_LATENCY), message, "remove the annotation"))


def _shadowed(e: Engine, h: RuleHead) -> Iterator[Finding]:
    """What older rules for the same host, in the same namespace, take away."""
    same = [o for o in e.get(rule_index).get(h.host, ()) if o.key.namespace == h.key.namespace and o.age < h.age]
    merged = [o for o in same if o.export_to == h.export_to and o.selector == h.selector]
    for older in merged:
        if older.policy and h.policy:
            message = f"{older.key}, which is older, has a policy for {h.host!r} already"
            yield on(h.key, warning("M3202", POLICY, message, "put the policies together in one document"))
            break
    for i, name in enumerate(h.subsets):
        older_rule = next((o for o in merged if name in o.subsets), None)
        if older_rule is not None:
            message = f"{older_rule.key}, which is older, defines subset {name!r} already"
            yield on(h.key, warning("M3203", at(Path("spec"), "subsets", i), message, "give it another name"))
    apart = next((o for o in same if o not in merged and not o.selector and not h.selector), None)
    if apart is not None and not merged:
        message = f"{apart.key}, which is older, speaks for {h.host!r} and is exported otherwise"
        yield on(h.key, warning("M3204", Path("spec"), message, "rules for one host are merged if 'exportTo' is equal"))


def host_findings(e: Engine, host: str) -> tuple[Finding, ...]:
    """Documents that speak of a host which belongs to another one."""
    first, *others = e.get(makers).get(host, (None,))
    owner = e.get(made, host, first) if first else None
    found: list[Finding] = []
    for key in others:
        other = e.get(made, host, key) if key else None
        if owner and other and key and not joins(owner, other):
            message = f"host {host!r} belongs to {owner.origin.key}"
            found.append(on(key, warning("M3206", at(Path("spec"), "hosts"), message, "it has no effect here")))
    return tuple(found)
