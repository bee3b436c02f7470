"""What `up --kube` settles before it starts anything, and what `down` removes.

Place:  apps · lifecycle → [kube_cluster] → shell/kube
"""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from meltemi.apps.rootless import is_root
from meltemi.core.node.settings import NodeSettings
from meltemi.shell.kube.assets import missing
from meltemi.shell.kube.place import place
from meltemi.shell.kube.prepare import choose
from meltemi.shell.kube.prepare import prepare as _prepare


class KubeError(Exception):
    """The mesh cannot run from a real API server; the text says why and what to do."""

    explained = True


def settled(before: Mapping[str, Any], *, asked: bool) -> dict[str, Any]:
    """The part of the settings that is about the API server. `before`: those of a mesh that was not taken down.

    Raises KubeError.
    """
    if before.get("kube"):
        return {"kube": before["kube"]}  # its pods may live, and clients know the port
    if not asked:
        return {}
    if before:
        raise KubeError("this mesh was not taken down, and has an embedded store\n  help: 'meltemi down' first")
    if lacking := missing():
        names = " and ".join(lacking)
        raise KubeError(
            f"{names} not found: --kube needs a real API server\n"
            "  help: run scripts/kube-assets (it builds them with Go), or name their folder in KUBEBUILDER_ASSETS"
        )
    return {"kube": msgspec.to_builtins(choose())}


def prepare(state: Path, settings: NodeSettings) -> None:
    """Make certificates, keys and kubeconfigs that are missing. Raises OSError."""
    asyncio.run(_prepare(state, settings, door=not is_root()))


def kubeconfig(state: Path) -> Path:
    """The user's."""
    return place(state).kubeconfig("admin")


def remove(state: Path) -> None:
    """The API server's data and certificates; nothing where there are none."""
    shutil.rmtree(place(state).folder, ignore_errors=True)
