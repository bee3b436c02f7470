"""Rules for `targetRefs`: what a policy is for, in place of a selector.

Place:  model/traffic/common → [check/target_refs] → check/{envoy_filter,extension,*_policy,*_authentication}
Source: Istio, pkg/config/validation, validatePolicyTargetReferences
"""

from collections.abc import Iterator

from meltemi.core.check.names import check_selector
from meltemi.core.check.report import ROOT, at, error, warning
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.security.peer_authentication import WorkloadSelector
from meltemi.core.model.traffic.common import PolicyTargetReference

GATEWAY = ("gateway.networking.k8s.io", "Gateway")
KNOWN = (("", "Service"), ("networking.istio.io", "ServiceEntry"), GATEWAY, (GATEWAY[0], "GatewayClass"))
MOST = 16


def check_place(
    selector: WorkloadSelector | None, single: PolicyTargetReference | None, refs: tuple[PolicyTargetReference, ...]
) -> Iterator[Finding]:
    """For whom a policy is: a selector, `targetRef` (the first form) or `targetRefs`, and only one of them."""
    name = "targetRef" if single else "targetRefs"
    if single and refs:
        message = "'targetRef' and 'targetRefs' exclude each other"
        yield error("M2710", at(ROOT, "targetRef"), message, "keep 'targetRefs'")
    if selector and (single or refs):
        yield error("M2710", at(ROOT, name), f"'selector' and {name!r} exclude each other", "keep one of the two")
    if selector:
        yield from check_selector(selector.match_labels, at(ROOT, "selector", "matchLabels"))
    if single:
        yield from check_target_ref(single, at(ROOT, "targetRef"))
    yield from check_target_refs(refs, at(ROOT, "targetRefs"))


def check_target_refs(refs: tuple[PolicyTargetReference, ...], path: Path) -> Iterator[Finding]:
    """Things that exist to refer to; of these only a Gateway has proxies here."""
    if len(refs) > MOST:
        yield error("M2707", path, f"{len(refs)} targets, and at most {MOST} are possible")
    for i, ref in enumerate(refs):
        yield from check_target_ref(ref, at(path, i))


def check_target_ref(ref: PolicyTargetReference, path: Path) -> Iterator[Finding]:
    """One reference."""
    group = "" if ref.group == "core" else ref.group
    if (group, ref.kind) not in KNOWN:
        known = ", ".join("/".join(filter(None, one)) for one in KNOWN)
        yield error("M2707", path, f"{ref.group}/{ref.kind} is no target", f"known: {known}")
    elif not ref.name:
        yield error("M2707", path, "the target has no name", "add 'name: …'")
    elif ref.namespace:
        yield error("M2707", at(path, "namespace"), "a target is in the policy's own namespace", "remove 'namespace'")
    elif (group, ref.kind) != GATEWAY:
        tip = "write 'selector' to choose proxies by their labels"
        yield warning("M2706", path, f"a {ref.kind} has no proxies here: targets of this kind are for waypoints", tip)
