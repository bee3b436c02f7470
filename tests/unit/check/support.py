"""How the tests of check say what they expect."""

from meltemi.core.check.validate import check_document
from meltemi.core.model.finding import Severity
from meltemi.core.model.tree import Tree


def faults(kind: str, spec: Tree, *, name: str = "a", annotations: dict[str, Tree] | None = None) -> list[str]:
    """`CODE path` of every error."""
    return _of(Severity.ERROR, kind, spec, name, annotations)


def warnings(kind: str, spec: Tree) -> list[str]:
    """`CODE path` of every warning."""
    return _of(Severity.WARNING, kind, spec, "a", None)


def _of(severity: Severity, kind: str, spec: Tree, name: str, annotations: dict[str, Tree] | None) -> list[str]:
    tree: Tree = {
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, "annotations": annotations},
        "spec": spec,
    }
    return [f"{f.code} {f.path}" for f in check_document(tree)[1] if f.severity is severity]
