"""Where the binaries of a real Kubernetes API are: the same places, in the same order, as scripts/kube-assets.

Place:  shell/kube · environment, PATH, cache → [assets] → apps (up --kube, supervisor), tests
"""

import os
import shutil
from pathlib import Path

NEEDED = ("etcd", "kube-apiserver")
"""Without these there is no API."""
OPTIONAL = ("kube-controller-manager", "kube-scheduler")
"""Their work is done by the node's own controllers where they are not at hand."""


def cache() -> Path:
    """Where scripts/kube-assets keeps what it has built."""
    if said := os.environ.get("MELTEMI_KUBE_ASSETS"):
        return Path(said)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meltemi/kube-assets"


def find(name: str) -> Path | None:
    """A binary; None where it is in no place."""
    if (said := os.environ.get("KUBEBUILDER_ASSETS")) and _runs(Path(said) / name):
        return Path(said) / name
    if found := shutil.which(name):
        return Path(found)
    return cache() / name if _runs(cache() / name) else None


def missing() -> tuple[str, ...]:
    """What is needed and in no place."""
    return tuple(name for name in NEEDED if find(name) is None)


def _runs(file: Path) -> bool:
    return file.is_file() and os.access(file, os.X_OK)
