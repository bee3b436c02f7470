"""How many pods the new and the old ReplicaSets of a Deployment may have next.

Place:  node · deployments → [rollout]
Source: Kubernetes, concepts/workloads/controllers/deployment, "Strategy", "Max Unavailable", "Max Surge"
"""

from collections.abc import Sequence
from math import ceil, floor

from meltemi.core.model.value import Value
from meltemi.core.node.objects import Tree, part, spec

DEFAULT_SHARE = "25%"
"""Of `maxSurge` and `maxUnavailable`."""


class Share(Value, frozen=True, kw_only=True):
    """One ReplicaSet's part in a rollout."""

    name: str
    replicas: int
    """As its spec says now."""
    available: int = 0
    """Pods that can be relied upon."""
    leaving: int = 0
    """Pods that still exist although nobody counts on them any more."""


class Bounds(Value, frozen=True, kw_only=True):
    """How far a rolling update may stray from the number asked for."""

    surge: int
    """Pods above it."""
    unavailable: int
    """Pods below it."""


def bounds(deployment: Tree, replicas: int) -> Bounds:
    """maxSurge is rounded up, maxUnavailable down; if both come to 0, one pod may be missing."""
    rolling = part(part(spec(deployment), "strategy"), "rollingUpdate")
    surge = _portion(rolling.get("maxSurge", DEFAULT_SHARE), replicas, up=True)
    unavailable = _portion(rolling.get("maxUnavailable", DEFAULT_SHARE), replicas, up=False)
    return Bounds(surge=surge, unavailable=min(unavailable if surge or unavailable else 1, replicas))


def rolling_update(new: Share, old: Sequence[Share], *, replicas: int, limits: Bounds) -> dict[str, int]:
    """The next number of pods of each ReplicaSet, by name. `old`: oldest first."""
    total = new.replicas + sum(share.replicas for share in old)
    room = max(0, replicas + limits.surge - total)
    newer = replicas if new.replicas >= replicas else min(replicas, new.replicas + room)
    least = replicas - limits.unavailable
    sizes = {share.name: share.replicas for share in old}
    # Pods that are not available serve nobody: they may go first, as long as enough remain if all starting ones fail.
    spare = sum(sizes.values()) - (least - min(new.available, newer))
    spare -= _take(sizes, {s.name: s.replicas - s.available for s in old}, spare)
    available = min(new.available, newer) + sum(min(s.available, sizes[s.name]) for s in old)
    _take(sizes, dict(sizes), min(spare, available - least))
    return {new.name: newer, **sizes}


def recreate(new: Share, old: Sequence[Share], *, replicas: int) -> dict[str, int]:
    """All old pods go before the first new one comes."""
    gone = all(share.replicas == 0 and share.leaving == 0 for share in old)
    return {new.name: replicas if gone else min(new.replicas, replicas), **{share.name: 0 for share in old}}


def _take(sizes: dict[str, int], offered: dict[str, int], most: int) -> int:
    """Take up to `most` pods out of `sizes`, from the first on, of each no more than it offers; how many it was."""
    taken = 0
    for name, offer in offered.items():
        part = max(0, min(offer, sizes[name], most - taken))
        sizes[name] -= part
        taken += part
    return taken


def _portion(written: object, replicas: int, *, up: bool) -> int:
    text = str(DEFAULT_SHARE if written is None else written)
    if not text.endswith("%"):
        return int(text)
    exact = replicas * float(text[:-1]) / 100
    return ceil(exact) if up else floor(exact)
