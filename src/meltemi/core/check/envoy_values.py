"""Rules for what a patch of an EnvoyFilter says: a message of Envoy's that exists, with fields that exist.

Place:  model/traffic → messages → [check/envoy_values] → check/envoy_filter
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from meltemi.core.check.report import at, error
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.envoy_filter import ApplyTo
from meltemi.core.model.tree import Tree, parent
from meltemi.core.parse.faults import did_you_mean

if TYPE_CHECKING:
    from meltemi.core.messages.read import Fault


def check_envoy_value(apply_to: ApplyTo, tree: Tree, path: Path) -> Iterator[Finding]:
    """Every fault of a patch's value."""
    # Envoy's messages take a third of a second to import, and few documents speak of them.
    from meltemi.core.messages.patched import patched_type  # noqa: PLC0415
    from meltemi.core.messages.read import faults  # noqa: PLC0415

    for fault in faults(patched_type(apply_to), tree):
        yield _finding(fault, path)


def _finding(fault: "Fault", path: Path) -> Finding:
    place = at(path, *fault.steps)
    if fault.type:
        return error("M2703", place, fault.message, _tip(fault))
    if not fault.known:
        return error("M2705", place, fault.message)
    word = str(fault.steps[-1])
    found = error("M1101", place, fault.message, did_you_mean(word, fault.known))
    return Finding(
        code=found.code,
        severity=found.severity,
        message=found.message,
        help=found.help or f"see Envoy's documentation of the message at {parent(place)}",
        path=found.path,
        about_name=True,
    )


def _tip(fault: "Fault") -> str:
    if fault.known:
        return "add '\"@type\": type.googleapis.com/…'"
    return "write type.googleapis.com/ and the name of a message of Envoy's v3 API"
