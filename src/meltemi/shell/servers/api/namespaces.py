"""The namespaces that every cluster has.

Place:  servers/api · control_plane → [namespaces] → ports.ConfigStore
"""

import msgspec

from meltemi.core.model.kinds import Kind, KindRole
from meltemi.ports.store import ConfigStore, ConflictError
from meltemi.shell.servers.api.paths import key_of
from meltemi.shell.servers.api.trees import Object

NAMESPACE = Kind(
    group="", kind="Namespace", versions=("v1",), plural="namespaces", singular="namespace", namespaced=False,
    role=KindRole.KUBE,
)  # fmt: skip
FIRST_NAMESPACES = ("default", "kube-system")


async def first_namespaces(store: ConfigStore) -> None:
    """Make the namespaces that every cluster has."""
    for name in FIRST_NAMESPACES:
        try:
            await store.put(key_of(NAMESPACE, "", name), msgspec.json.encode(_namespace(name)), expected=0)
        except ConflictError:
            continue


def _namespace(name: str) -> Object:
    return {
        "apiVersion": "v1", "kind": "Namespace", "status": {"phase": "Active"},
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
    }  # fmt: skip
