"""Rules for DestinationRules.

Place:  parse → [check/destination_rule] → compose
Source: Istio, pkg/config/validation.
"""

from collections.abc import Iterator

from meltemi.core.check.client_tls import check_for_gateways
from meltemi.core.check.context import Context
from meltemi.core.check.export import check_export_to
from meltemi.core.check.latency import check_latency
from meltemi.core.check.names import check_host, check_labels, check_selector, is_label
from meltemi.core.check.report import ROOT, at, error, required, warning
from meltemi.core.check.traffic_policy import check_traffic_policy
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.destination_rule import DestinationRule, Subset


def check_destination_rule(rule: DestinationRule, context: Context) -> Iterator[Finding]:
    """Every fault of one DestinationRule."""
    if rule.host:
        yield from check_host(rule.host, at(ROOT, "host"))
    else:
        yield required(ROOT, "host", "name the host that the rule is for")
    yield from check_traffic_policy(rule.traffic_policy, at(ROOT, "trafficPolicy"))
    yield from check_latency(rule, context)
    if rule.workload_selector is None:
        yield from check_for_gateways(rule)
    yield from _check_subsets(rule.subsets, at(ROOT, "subsets"))
    selector = rule.workload_selector
    yield from check_export_to(
        rule.export_to, at(ROOT, "exportTo"), namespace=context.namespace, own_only=selector is not None
    )
    if selector is None:
        return
    path = at(ROOT, "workloadSelector")
    yield from check_selector(selector.match_labels, at(path, "matchLabels"))
    if not selector.match_labels:
        yield warning("M2015", path, "the selector is empty: it selects all workloads of the namespace")


def _check_subsets(subsets: tuple[Subset, ...], path: Path) -> Iterator[Finding]:
    seen: set[str] = set()
    for i, subset in enumerate(subsets):
        place = at(path, i)
        if not subset.name:
            yield required(place, "name")
        elif not is_label(subset.name):
            tip = "at most 63 letters, digits and '-', a letter or digit at both ends"
            yield error("M2203", at(place, "name"), f"{subset.name!r} is no name of a subset", tip)
        elif subset.name in seen:
            yield error("M2202", at(place, "name"), f"subset {subset.name!r} is written twice", "give it another name")
        seen.add(subset.name)
        yield from check_labels(subset.labels, at(place, "labels"))
        yield from check_traffic_policy(subset.traffic_policy, at(place, "trafficPolicy"))
