"""Keep this machine's Node object and its Lease in the API server as long as the node's process lives.

Place:  shell/runtime · core/node/node_object → [registration] → kube-apiserver
"""

import asyncio
import os
import platform
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog

from meltemi.core.node.node_object import Facts, lease, node_object, node_status
from meltemi.core.node.settings import NodeSettings

log: Any = structlog.get_logger(__name__)

RENEW = 10.0
"""Seconds between two renewals of the Lease (Kubernetes' own)."""
_GO = {"x86_64": "amd64", "aarch64": "arm64"}

Apply = Callable[[str, Mapping[str, Any]], Awaitable[object]]
"""Server-side apply of an object at a path."""


async def keep_registered(apply: Apply, settings: NodeSettings) -> None:
    """Run until cancelled. A Node that somebody deleted is there again at the next renewal."""
    facts, since = _facts(), _now()
    node = f"/api/v1/nodes/{settings.node_name}"
    renewed = f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{settings.node_name}"
    while True:
        try:
            await apply(node, node_object(settings))
            await apply(f"{node}/status", node_status(settings, facts, now=_now(), since=since))
            await apply(renewed, lease(settings, now=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")))
        except Exception as problem:  # the next renewal tries again; pods go on meanwhile
            log.warning("the node is not registered", why=repr(problem))
        await asyncio.sleep(RENEW)


def _facts() -> Facts:
    release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    return Facts(
        architecture=_GO.get(platform.machine(), platform.machine()),
        kernel=os.uname().release,
        os_image=release.get("PRETTY_NAME", "Linux"),
        machine_id=_line("/etc/machine-id"),
        boot_id=_line("/proc/sys/kernel/random/boot_id"),
        version=version("meltemi"),
    )


def _line(file: str) -> str:
    try:
        return Path(file).read_text().strip()
    except OSError:
        return ""


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
