"""What the mesh needs in an API server before anything else: its kinds.

Place:  shell/kube · core/crds → [install] → kube-apiserver; again at each start of the control plane
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from meltemi.shell.stores.kube.client import APPLY_PATCH, KubeClient, decoded
from meltemi.shell.stores.kube.store import MANAGER

POLL = 0.1
"""Seconds between two looks at what the server makes of a definition."""
_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

Tree = Mapping[str, Any]


async def apply(client: KubeClient, path: str, tree: Tree) -> dict[str, Any]:
    """Server-side apply of an object of ours. Raises RefusedError."""
    query = {"fieldManager": MANAGER, "force": "true"}
    return decoded(await client.call("PATCH", path, tree, content_type=APPLY_PATCH, query=query))


async def install_definitions(client: KubeClient, definitions: Sequence[Tree]) -> None:
    """Create or renew kinds; returns when the server serves all of them. Raises RefusedError."""
    names = [str(one["metadata"]["name"]) for one in definitions]
    for name, one in zip(names, definitions, strict=True):
        await apply(client, f"{_PATH}/{name}", one)
    for name in names:
        await _until_served(client, f"{_PATH}/{name}")
    # "Established" comes a moment before the requests are served.
    for one in definitions:
        spec = one["spec"]
        await client.call(
            "GET", f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}?limit=1"
        )


async def _until_served(client: KubeClient, path: str) -> None:
    while True:
        if _served(decoded(await client.call("GET", path))):
            return
        await asyncio.sleep(POLL)


def _served(definition: Tree) -> bool:
    conditions: list[Tree] = definition.get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
