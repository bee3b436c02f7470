"""What an Envoy was started without: changes of the bootstrap that it refuses, as its agent tells in the node message.

Place:  shell/agent/overlay → node metadata → [left_out] → shell/publish

A proxy says this of itself and may say anything: it is bounded, and only ever shown.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from meltemi.core.check.report import ROOT, at, error, on
from meltemi.core.compose.envoy_filters import GROUP, KIND
from meltemi.core.model.document import Key
from meltemi.core.model.finding import Finding

REFUSED = "MELTEMI_BOOTSTRAP_REFUSED"
"""Of the node's metadata."""
MOST, MOST_BYTES, MOST_WORDS = 16, 65536, 300
"""Changes of one proxy, bytes of all that is said of them, characters of Envoy's words for one."""
_TIP = "it alone is left out of what Envoy starts with; mend it, and make the pods anew"


class _Refusal(msgspec.Struct):
    namespace: str
    name: str
    index: int
    id: str
    reason: str


class LeftOut(msgspec.Struct, frozen=True):
    """One change, as it was."""

    id: str
    index: int
    finding: Finding


def left_out(node: Mapping[str, Any]) -> tuple[LeftOut, ...]:
    """The changes with a finding each; none where the proxy says nothing, or nothing that can be read."""
    metadata: Mapping[str, Any] = node.get("metadata") or {}
    text = metadata.get(REFUSED)
    if not isinstance(text, str) or len(text) > MOST_BYTES:
        return ()
    try:
        told = msgspec.json.decode(text.encode(), type=list[_Refusal])
    except msgspec.MsgspecError:
        return ()
    return tuple(_findings(told[:MOST]))


def _findings(told: list[_Refusal]) -> Iterator[LeftOut]:
    for one in told:
        key = Key(group=GROUP, kind=KIND, namespace=one.namespace, name=one.name)
        words = " ".join(one.reason.split())[:MOST_WORDS]
        finding = on(key, error("M9001", at(ROOT, "configPatches", one.index), f"refused by Envoy: {words}", _TIP))
        yield LeftOut(one.id, one.index, finding)
