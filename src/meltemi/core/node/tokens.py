"""Service-account tokens that a pod's volumes ask for: which, for whom to read, and when they are made anew.

Place:  node · a Pod's projected volumes → [tokens] → shell/runtime (podspec: which; tokens: asks and writes)
Source: Kubernetes, "Projected Volumes", serviceAccountToken; kubelet, pkg/kubelet/token and pkg/volume/projected
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value

Tree = Mapping[str, Any]

FIELD = "serviceAccountToken"
DEFAULT_LIFE = 3600
LONGEST_USE = 24 * 3600.0
"""Seconds after which a token is made anew, however long it lives."""
USED_PART = 0.8
"""Of a token's life, after which it is made anew."""
OWN_MODE = 0o600
"""Mode of a file that one user reads."""


class TokenFile(Value, frozen=True, kw_only=True):
    """One file that holds a token."""

    volume: str
    path: str
    """Below the volume."""
    audience: str = ""
    """Empty: the API itself."""
    life: int = DEFAULT_LIFE
    """Seconds that are asked for; the API may give others."""
    mode: int = 0o644
    user: int = 0
    group: int = 0


def token_files(
    volumes: Sequence[Tree], readers: Mapping[str, frozenset[int]], group: int | None
) -> Iterator[TokenFile]:
    """The token files of a pod.

    `readers`: volume → users of the containers that mount it. Where there is one, the file is his alone; kubelet asks
    that all containers of the pod be his, which would leave an injected proxy's token open to every user of the pod.
    `group`: the pod's fsGroup, which may read too.
    """
    for volume in volumes:
        projected: Tree = volume.get("projected") or {}
        users = readers.get(volume["name"], frozenset())
        mode: int = OWN_MODE if len(users) == 1 or group is not None else projected.get("defaultMode", 0o644)
        for source in projected.get("sources") or ():
            if asked := source.get(FIELD):
                yield TokenFile(
                    volume=volume["name"],
                    path=asked["path"],
                    audience=asked.get("audience") or "",
                    life=asked.get("expirationSeconds") or DEFAULT_LIFE,
                    mode=mode | (0o040 if group is not None else 0),
                    user=next(iter(users)) if len(users) == 1 else 0,
                    group=group or 0,
                )


def unknown_sources(projected: Tree, known: Sequence[str]) -> Iterator[str]:
    """Names of a projected volume's sources that nobody provides."""
    for source in projected.get("sources") or ():
        yield from (name for name in source if name not in known)


def request(file: TokenFile, *, pod: str, uid: str) -> dict[str, Any]:
    """The TokenRequest, bound to the pod."""
    bound = {"kind": "Pod", "apiVersion": "v1", "name": pod, "uid": uid}
    audiences = [file.audience] if file.audience else []
    spec = {"audiences": audiences, "expirationSeconds": file.life, "boundObjectRef": bound}
    return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}


def times(token: str) -> tuple[float, float]:
    """When a JWT was made and when it ends, in seconds since 1970. Raises ValueError."""
    try:
        payload = token.split(".")[1]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["iat"]), float(claims["exp"])
    except (IndexError, KeyError, TypeError, AttributeError) as problem:
        raise ValueError(f"this is no token with times: {problem!r}") from problem


def renew_at(made: float, ends: float, *, chance: float) -> float:
    """When a token is made anew: at 80 % of its life, after a day at most, and up to 10 s earlier by `chance` (0…1)."""
    life = ends - made
    early: Seconds = Seconds(chance * min(10.0, life * 0.05))
    return made + min(life * USED_PART, LONGEST_USE) - early
