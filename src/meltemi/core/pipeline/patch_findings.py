"""What EnvoyFilters and extensions say without effect, and what of them Envoy refuses.

Place:  pipeline/{patched,proxies,slots} → [pipeline/patch_findings] → pipeline/findings, pipeline/compile
"""

from collections.abc import Iterator

from meltemi.core.check.envoy_filter import POSSIBLE
from meltemi.core.check.report import ROOT, error, on, warning
from meltemi.core.compose.envoy_filters import filter_heads
from meltemi.core.compose.extension import extension_heads, extensions_for
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.finding import Finding
from meltemi.core.model.proxy import Scope
from meltemi.core.model.traffic.envoy_filter import ApplyTo
from meltemi.core.model.value import Value
from meltemi.core.pipeline.patched import outcome_of
from meltemi.core.pipeline.proxies import pod_scopes
from meltemi.core.pipeline.slots import slots
from meltemi.core.pipeline.traffic_extensions import code_outcome
from meltemi.core.view.extension import code
from meltemi.core.view.patches import patches_in

REFUSED = "M9001"


class Report(Value, frozen=True, kw_only=True):
    """What came of the changes for one scope."""

    made: frozenset[Origin] = frozenset()
    refused: tuple[tuple[Origin, str], ...] = ()


def patch_findings(e: Engine) -> tuple[Finding, ...]:
    """Of all documents with changes, over the proxies of all pods. Where no pod has a proxy nothing is said."""
    heads = (*e.get(filter_heads), *e.get(extension_heads))
    scopes = e.get(pod_scopes) if heads else ()
    if not scopes:
        return ()
    meant = {key for scope in scopes for key in e.get(changing, scope)}
    nobody = (on(h.key, _nobody()) for h in heads if h.key not in meant)
    return (*nobody, *e.get(scope_findings, tuple(scope for scope in scopes if e.get(changing, scope))))


def changing(e: Engine, scope: Scope) -> tuple[Key, ...]:
    """All documents that change what a scope gets after all features, or put in code."""
    patching = (s.key for s in scope.patches)
    return tuple(dict.fromkeys((*patching, *e.get(extensions_for, scope.namespace, scope.labels))))


def scope_findings(e: Engine, scopes: tuple[Scope, ...]) -> tuple[Finding, ...]:
    """What has no effect in any of these scopes, and what is refused in one of them."""
    reports = [e.get(report, scope) for scope in scopes]
    made = {origin for one in reports for origin in one.made}
    refused = dict(pair for one in reports for pair in one.refused)
    keys = dict.fromkeys(key for scope in scopes for key in e.get(changing, scope))
    found = [
        on(o.key, error(REFUSED, o.path, f"refused by Envoy: {' '.join(w.split())}", _TIP)) for o, w in refused.items()
    ]
    found += [on(key, _idle(origin)) for key in keys for origin in _possible(e, key) if origin not in made]
    return tuple(found)


_TIP = "it alone is taken back, and everything else is in force; mend it, or remove it"


def report(e: Engine, scope: Scope) -> Report:
    """What came of the changes for one scope."""
    made: set[Origin] = set()
    refused: dict[Origin, str] = {}
    for slot in e.get(slots, scope):
        if found := outcome_of(e, slot) or code_outcome(e, slot):
            made |= found.made
            refused |= dict(found.refused)
    return Report(made=frozenset(made), refused=tuple(sorted(refused.items())))


def _possible(e: Engine, key: Key) -> Iterator[Origin]:
    """Changes that may have an effect; of the others check speaks."""
    if found := e.get(code, key):
        yield found.origin
    for one in e.get(patches_in, key):
        if one.apply_to is not ApplyTo.BOOTSTRAP and one.operation in POSSIBLE[one.apply_to] and not one.extension:
            yield one.origin


def _nobody() -> Finding:
    return warning("M2709", ROOT, "no pod with a proxy is selected", "mind namespace and labels")


def _idle(origin: Origin) -> Finding:
    tip = "'meltemi proxy-config POD -o json' shows what there is to match"
    return warning("M2708", origin.path, "nothing of the selected proxies is matched: nothing is changed", tip)
