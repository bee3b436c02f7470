"""docs/reference/kinds: a page for each kind of the mesh, with the tests that show its fields.

Place:  tests/e2e/fields · written by scripts/reference, held by tests/unit/docs/test_kinds_pages
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from e2e.fields import table
from meltemi.apps.reference.kind_page import page
from meltemi.apps.reference.networks_page import PAGE as NETWORKS
from meltemi.core.model.kinds import AUTHENTICATION, EXTENSIONS, NETWORKING, RBAC, SECURITY, kind_of
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.value import Value

NAMES = {
    NETWORKING: (
        *("VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "WorkloadEntry", "WorkloadGroup"),
        *("Sidecar", "EnvoyFilter", "ProxyConfig"),
    ),
    SECURITY: ("PeerAuthentication", "RequestAuthentication", "AuthorizationPolicy"),
    RBAC: ("ServiceRole", "ServiceRoleBinding", "RbacConfig", "ClusterRbacConfig"),
    AUTHENTICATION: ("Policy", "MeshPolicy"),
    EXTENSIONS: ("WasmPlugin", "TrafficExtension"),
}


def contents() -> Mapping[str, type[Value]]:
    """Kind → the class that its `spec` is read into; MeshConfig is whole."""
    found = {name: kind_of(group, name) for group, names in NAMES.items() for name in names}
    return {name: one.content for name, one in found.items() if one and one.content} | {"MeshConfig": MeshConfig}


def pages() -> Mapping[str, str]:
    """Name of a file → its text."""
    table.load()
    made = {f"{name}.md": page(name, content, _shown_by) for name, content in contents().items()}
    return {**made, "MeshNetworks.md": NETWORKS}


def _shown_by(kind: str, path: str) -> str:
    if kind not in table.KINDS or path not in table.fields(kind):
        return ""
    return table.shown_by(kind, path).replace("`e2e/fields/", "`").removesuffix(" ")


def write(folder: Path) -> None:
    """All pages."""
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
