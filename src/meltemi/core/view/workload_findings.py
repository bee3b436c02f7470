"""What WorkloadEntries say without effect.

Place:  compose/{registry,workload_entries} → [view/workload_findings] → pipeline/findings
"""

from meltemi.core.check.report import ROOT, at, on, warning
from meltemi.core.compose.inputs import keys
from meltemi.core.compose.registry import hosts, service
from meltemi.core.compose.workload_entries import GROUP, KIND, entry_workload, is_place, selected_entries
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.finding import Finding


def workload_findings(e: Engine) -> tuple[Finding, ...]:
    """Findings of all WorkloadEntries."""
    written = keys(e, GROUP, KIND)
    if not written:
        return ()
    chosen = {key for host in e.get(hosts) for key in e.get(chosen_by, host)}
    return tuple(found for key in written for found in _findings_of(e, key, chosen))


def chosen_by(e: Engine, host: str) -> tuple[Key, ...]:
    """The WorkloadEntries that one service selects."""
    found = e.get(service, host)
    return e.get(selected_entries, found.namespace, found.selector) if found and found.selector else ()


def _findings_of(e: Engine, key: Key, chosen: set[Key]) -> tuple[Finding, ...]:
    if key not in chosen:
        tip = "give it the labels that a Service or a ServiceEntry's workloadSelector in its namespace asks for"
        return (on(key, warning("M3401", ROOT, "no service selects this WorkloadEntry: nothing is sent to it", tip)),)
    one = e.get(entry_workload, key)
    if one is None or is_place(one.address):
        return ()
    message = f"{one.address!r} is a name, and services that select want addresses: nothing is sent to it"
    tip = "write its IP address, or name it in 'endpoints' of a ServiceEntry with resolution DNS"
    return (on(key, warning("M3402", at(ROOT, "address"), message, tip)),)
