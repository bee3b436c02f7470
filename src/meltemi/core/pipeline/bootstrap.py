"""What EnvoyFilters change of what Envoy starts with: settled when a pod is made, as in Istio when a proxy starts.

Place:  compose/envoy_filters, messages/overlay → [pipeline/bootstrap] → apps/injection (new pods), pipeline/findings
        (running pods, which were started without); the agent lays it over and leaves out what Envoy refuses
Source: Istio, pilot, networking/grpc/bootstrap: MERGE alone, and all patches of the filters that select the proxy
"""

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

from meltemi.core.check.report import note, on, warning
from meltemi.core.compose.envoy_filters import filter_heads, filter_sets
from meltemi.core.compose.inputs import keys, read_as
from meltemi.core.engine.engine import Engine
from meltemi.core.messages.overlay import overlay
from meltemi.core.messages.patched import patched_type
from meltemi.core.messages.read import read
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.finding import Finding
from meltemi.core.model.kube.pod import Pod
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.traffic.envoy_filter import ApplyTo, Operation, PatchContext
from meltemi.core.pipeline.proxies import PROXY, pod_proxy
from meltemi.core.view.patches import MERGES, Patch, patch, patch_heads, patches_in

VARIABLE = "MELTEMI_BOOTSTRAP"
"""Of the proxy's container: a list of changes as JSON."""
MOST_BYTES = 65536
"""Of all changes of one pod; Linux takes 128 KiB in a variable. What does not fit is left out, and told."""
_SIDES = {
    Role.SIDECAR: (PatchContext.SIDECAR_INBOUND, PatchContext.SIDECAR_OUTBOUND),
    Role.ROUTER: (PatchContext.GATEWAY,),
}


def bootstrap_text(e: Engine, proxy: Proxy) -> str:
    """The changes for a proxy, in the order of their effect; empty for none."""
    kept: list[str] = []
    for p in _meant(e, proxy):
        text = _change(p)
        if sum(map(len, kept)) + len(text) <= MOST_BYTES:
            kept.append(text)
    return f"[{','.join(kept)}]" if kept else ""


def _meant(e: Engine, proxy: Proxy) -> Iterator[Patch]:
    """Changes of the bootstrap that are for a proxy."""
    sets = filter_sets(e, proxy.namespace, proxy.labels, proxy.metadata)
    for head in e.get(patch_heads, sets):
        asked = (PatchContext.ANY, *_SIDES[proxy.role])
        if head.apply_to is ApplyTo.BOOTSTRAP and head.operation in MERGES and head.context in asked:
            yield e.get(patches_in, head.origin.key)[head.index]


def _change(p: Patch) -> str:
    """One change for the agent."""
    kind = patched_type(ApplyTo.BOOTSTRAP)
    message = read(kind, json.loads(p.value)) or kind()
    said: Mapping[str, Any] = {
        "namespace": p.origin.key.namespace,
        "name": p.origin.key.name,
        "index": p.index,
        "replace_lists": p.operation is Operation.MERGE_AND_REPLACE_LIST,
        "value": overlay(message),
    }
    text = json.dumps(said, separators=(",", ":"), sort_keys=True)
    said = {**said, "id": blake2b(text.encode(), digest_size=12).hexdigest()}
    return json.dumps(said, separators=(",", ":"), sort_keys=True)


def change_id(e: Engine, key: Key, index: int) -> str:
    """By which a proxy says that it was started without a change; empty where there is no such change any more."""
    found = e.get(patch, key, index)
    is_one = found is not None and found.apply_to is ApplyTo.BOOTSTRAP and found.operation in MERGES
    return json.loads(_change(found))["id"] if found and is_one else ""


def bootstrap_findings(e: Engine) -> tuple[Finding, ...]:
    """Changes of the bootstrap that some running proxy was started without, and those that are for no proxy."""
    found = [p for h in e.get(filter_heads) for p in e.get(patches_in, h.key) if p.apply_to is ApplyTo.BOOTSTRAP]
    pods = e.get(proxied) if found else ()
    late: dict[Origin, int] = {}
    met: set[Origin] = set()
    for key, proxy in pods:
        text = e.get(started_with, key)
        for p in _meant(e, proxy):
            met.add(p.origin)
            if _change(p) not in text:
                late[p.origin] = late.get(p.origin, 0) + 1
    said = [on(o.key, note("M2712", o.path, _late(count), _TIP)) for o, count in late.items()]
    possible = (p.origin for p in found if p.operation in MERGES and pods)
    return (*said, *(on(o.key, warning("M2708", o.path, _IDLE, "")) for o in possible if o not in met))


_TIP = "it takes effect when they are made anew: delete them, or change their template"
_IDLE = "no proxy of the selected pods is meant: nothing is changed"


def _late(count: int) -> str:
    return f"{count} running {'proxy was' if count == 1 else 'proxies were'} started without this"


def proxied(e: Engine) -> tuple[tuple[Key, Proxy], ...]:
    """All pods that have a proxy."""
    found = ((key, e.get(pod_proxy, key)) for key in keys(e, "", "Pod"))
    return tuple((key, proxy) for key, proxy in found if proxy)


def started_with(e: Engine, key: Key) -> str:
    """The changes that a pod was made with."""
    found = read_as(e, key, Pod)
    spec = found.spec.spec if found else None
    every = (*spec.containers, *spec.init_containers) if spec else ()
    return next((v.value for c in every if c.name == PROXY for v in c.env if v.name == VARIABLE), "")
