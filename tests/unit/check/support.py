"""How the tests of check say what they expect."""

from meltemi.core.check.validate import check_document
from meltemi.core.model.finding import Severity
from meltemi.core.model.tree import Tree

NETWORKING = "networking.istio.io/v1"


def faults(
    kind: str, spec: Tree, *, name: str = "a", annotations: dict[str, Tree] | None = None, api: str = NETWORKING
) -> list[str]:
    """`CODE path` of every error."""
    metadata: Tree = {"name": name, "annotations": annotations}
    return _of(Severity.ERROR, {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec})


def warnings(kind: str, spec: Tree, *, api: str = NETWORKING) -> list[str]:
    """`CODE path` of every warning."""
    tree: Tree = {"apiVersion": api, "kind": kind, "metadata": {"name": "a"}, "spec": spec}
    return _of(Severity.WARNING, tree)


def notes(kind: str, spec: Tree) -> list[str]:
    """`CODE path` of every note."""
    tree: Tree = {"apiVersion": NETWORKING, "kind": kind, "metadata": {"name": "a"}, "spec": spec}
    return _of(Severity.INFO, tree)


def _of(severity: Severity, tree: Tree) -> list[str]:
    return [f"{f.code} {f.path}" for f in check_document(tree)[1] if f.severity is severity]
