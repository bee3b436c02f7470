"""An AuthorizationPolicy that cannot be read: what it was meant to guard is shut.

Place:  check/validate → [check/closed] → shell/ingest, `compile`

Without it, whoever the policy was to keep out would be let in. Which workloads it was for is taken from it as far as
that can be read; else it is all that a policy of its namespace can be for.
"""

from collections.abc import Iterator

from meltemi.core.check.validate import check_document
from meltemi.core.model.document import Document
from meltemi.core.model.kinds import SECURITY
from meltemi.core.model.tree import Tree
from meltemi.core.model.value import Value

_KIND, _PLACES, _NAMED = "AuthorizationPolicy", ("selector", "targetRef", "targetRefs"), ("name", "namespace")


def closed(tree: Tree, *, namespace: str = "default") -> Document[Value] | None:
    """What to put in force instead of an object with errors; None where it was to keep nobody out."""
    if not isinstance(tree, dict) or tree.get("kind") != _KIND:
        return None
    if not str(tree.get("apiVersion")).startswith(f"{SECURITY}/"):
        return None
    spec = tree.get("spec")
    written = spec if isinstance(spec, dict) else {}
    if written.get("action") == "AUDIT":
        return None
    tried = (check_document(one, namespace=namespace)[0] for one in _denying(tree, written))
    return next((document for document in tried if document is not None), None)


def _denying(tree: dict[str, Tree], spec: dict[str, Tree]) -> Iterator[Tree]:
    """With as much as possible of what was written: a dry run refuses nobody, a selector only its workloads."""
    place: dict[str, Tree] = {name: spec[name] for name in _PLACES if spec.get(name) is not None}
    meta = tree.get("metadata")
    bare: Tree = {name: meta[name] for name in _NAMED if name in meta} if isinstance(meta, dict) else {}
    everybody: dict[str, Tree] = {"action": "DENY", "rules": [{}]}
    yield {**tree, "spec": {**place, **everybody}}
    yield {**tree, "metadata": bare, "spec": {**place, **everybody}}
    yield {**tree, "metadata": bare, "spec": everybody}
