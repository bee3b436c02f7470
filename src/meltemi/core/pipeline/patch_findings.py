"""What EnvoyFilters and extensions say without effect, and what of them Envoy refuses.

Place:  pipeline/{patched,proxies,slots} → [pipeline/patch_findings] → pipeline/findings, pipeline/compile
"""

from collections.abc import Iterator

from meltemi.core.check.envoy_filter import POSSIBLE
from meltemi.core.check.report import ROOT, error, on, warning
from meltemi.core.compose.envoy_filters import filter_heads
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.finding import Finding
from meltemi.core.model.proxy import Scope
from meltemi.core.model.traffic.envoy_filter import ApplyTo
from meltemi.core.model.value import Value
from meltemi.core.pipeline.patched import outcome_of
from meltemi.core.pipeline.proxies import pod_scopes
from meltemi.core.pipeline.slots import slots
from meltemi.core.view.patches import Patch, patches_in

REFUSED = "M9001"


class Report(Value, frozen=True, kw_only=True):
    """What came of the changes for one scope."""

    made: frozenset[Origin] = frozenset()
    refused: tuple[tuple[Origin, str], ...] = ()


def patch_findings(e: Engine) -> tuple[Finding, ...]:
    """Of all documents with changes, over the proxies of all pods. Where no pod has a proxy nothing is said."""
    heads = e.get(filter_heads)
    scopes = e.get(pod_scopes) if heads else ()
    if not scopes:
        return ()
    meant = {s.key for scope in scopes for s in scope.patches}
    nobody = (on(h.key, _nobody()) for h in heads if h.key not in meant)
    return (*nobody, *e.get(scope_findings, tuple(scope for scope in scopes if scope.patches)))


def scope_findings(e: Engine, scopes: tuple[Scope, ...]) -> tuple[Finding, ...]:
    """What has no effect in any of these scopes, and what is refused in one of them."""
    reports = [e.get(report, scope) for scope in scopes]
    made = {origin for one in reports for origin in one.made}
    refused = dict(pair for one in reports for pair in one.refused)
    keys = dict.fromkeys(s.key for scope in scopes for s in scope.patches)
    found = [
        on(o.key, error(REFUSED, o.path, f"refused by Envoy: {' '.join(w.split())}", _TIP)) for o, w in refused.items()
    ]
    found += [on(key, _idle(p)) for key in keys for p in _without_effect(e, key) if p.origin not in made]
    return tuple(found)


_TIP = "the patch is taken back, and everything else is in force; mend it, or remove it"


def report(e: Engine, scope: Scope) -> Report:
    """What came of the changes for one scope."""
    made: set[Origin] = set()
    refused: dict[Origin, str] = {}
    for slot in e.get(slots, scope):
        if found := outcome_of(e, slot):
            made |= found.made
            refused |= dict(found.refused)
    return Report(made=frozenset(made), refused=tuple(sorted(refused.items())))


def _without_effect(e: Engine, key: Key) -> Iterator[Patch]:
    """Changes that may have an effect; of the others check speaks."""
    for one in e.get(patches_in, key):
        if one.apply_to is not ApplyTo.BOOTSTRAP and one.operation in POSSIBLE[one.apply_to]:
            yield one


def _nobody() -> Finding:
    return warning("M2709", ROOT, "no pod with a proxy is selected", "mind namespace and labels")


def _idle(patch: Patch) -> Finding:
    tip = "'meltemi proxy-config POD -o json' shows what there is to match"
    return warning("M2708", patch.origin.path, "nothing of the selected proxies is matched: nothing is changed", tip)
