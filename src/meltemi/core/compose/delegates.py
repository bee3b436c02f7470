"""HTTP rules of a VirtualService with its delegates' rules in their places, each with its origin.

Place:  compose/virtual_services → [compose/delegates] → view/route
Source: Istio, "Virtual Service", message Delegate: one level deep; a merged match holds both sides' conditions
"""

from meltemi.core.compose.export import reaches
from meltemi.core.compose.virtual_services import GROUP, KIND, head, virtual_service
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin, Path
from meltemi.core.model.traffic.common import StringMatch
from meltemi.core.model.traffic.virtual_service import HTTPMatchRequest, HTTPRoute
from meltemi.core.model.value import Value


class Rule(Value, frozen=True, kw_only=True):
    """One HTTP rule, and the statement that it comes from."""

    route: HTTPRoute
    origin: Origin

    @property
    def namespace(self) -> str:
        """Short names in the rule are completed with it."""
        return self.origin.key.namespace


def http_rules(e: Engine, key: Key) -> tuple[Rule, ...]:
    """All HTTP rules of one document in order; a delegating rule is replaced by its delegate's rules."""
    spec = e.get(virtual_service, key)
    rules: list[Rule] = []
    for i, route in enumerate(spec.http if spec else ()):
        rule = Rule(route=route, origin=Origin(key=key, path=Path(f"spec.http[{i}]")))
        rules.extend(_delegated(e, rule) if route.delegate else (rule,))
    return tuple(rules)


def delegate_key(rule: Rule) -> Key:
    """The document that a delegating rule names."""
    to = rule.route.delegate
    if to is None:
        raise ValueError("not a delegating rule")
    return Key(group=GROUP, kind=KIND, namespace=to.namespace or rule.namespace, name=to.name)


def _delegated(e: Engine, root: Rule) -> tuple[Rule, ...]:
    key = delegate_key(root)
    top = e.get(head, key)
    spec = e.get(virtual_service, key)
    if not spec or not top or top.hosts or not reaches(top.export_to, root.namespace):
        return ()
    merged: list[Rule] = []
    for i, route in enumerate(spec.http):
        matches = merged_matches(root.route.match, route.match)
        if matches is not None and route.delegate is None:
            origin = Origin(key=key, path=Path(f"spec.http[{i}]"))
            merged.append(Rule(route=merged_route(root.route, route, matches), origin=origin))
    return tuple(merged)


def merged_route(root: HTTPRoute, leaf: HTTPRoute, matches: tuple[HTTPMatchRequest, ...]) -> HTTPRoute:
    """The delegate's rule; what it leaves open is taken from the root."""
    values = {f: getattr(leaf, f) for f in HTTPRoute.__struct_fields__}
    for field, value in values.items():
        if value in (None, "", (), False):
            values[field] = getattr(root, field)
    values |= {"match": matches, "delegate": None, "name": _joined(root.name, leaf.name)}
    return HTTPRoute(**values)


def merged_matches(
    root: tuple[HTTPMatchRequest, ...], leaf: tuple[HTTPMatchRequest, ...]
) -> tuple[HTTPMatchRequest, ...] | None:
    """Every pair that can hold together; None where none can (the delegate's rule is then void)."""
    if not root or not leaf:
        return root or leaf
    pairs = (_merged_match(r, leaf_match) for r in root for leaf_match in leaf)
    return tuple(m for m in pairs if m is not None) or None


def _merged_match(root: HTTPMatchRequest, leaf: HTTPMatchRequest) -> HTTPMatchRequest | None:
    if _conflict(root, leaf):
        return None
    values: dict[str, object] = {}
    for field in HTTPMatchRequest.__struct_fields__:
        upper, lower = getattr(root, field), getattr(leaf, field)
        if field in ("headers", "query_params", "without_headers", "source_labels"):
            values[field] = tuple(sorted({**dict(upper), **dict(lower)}.items()))
        else:
            values[field] = lower if lower not in (None, "", (), False) else upper
    values["name"] = _joined(root.name, leaf.name)
    return HTTPMatchRequest(**values)  # pyright: ignore[reportArgumentType]  # field by field the same type


def _conflict(root: HTTPMatchRequest, leaf: HTTPMatchRequest) -> bool:
    """Whether the two can never hold together, or only together in a way that one match cannot say."""
    texts = ("uri", "scheme", "method", "authority")
    if any(not _compatible(getattr(root, f), getattr(leaf, f)) for f in texts):
        return True
    if root.port and leaf.port and root.port != leaf.port:
        return True
    tables = ("headers", "query_params", "without_headers", "source_labels")
    return any(_clash(dict(getattr(root, f)), dict(getattr(leaf, f))) for f in tables)


def _compatible(root: StringMatch | None, leaf: StringMatch | None) -> bool:
    """Whether the delegate's condition lies within the root's."""
    if root is None or leaf is None or root == leaf:
        return True
    if root.prefix is not None and (inner := leaf.prefix if leaf.prefix is not None else leaf.exact) is not None:
        return inner.startswith(root.prefix)
    return False


def _clash(root: dict[str, object], leaf: dict[str, object]) -> bool:
    return any(name in leaf and leaf[name] != value for name, value in root.items())


def _joined(root: str, leaf: str) -> str:
    return "-".join(name for name in (root, leaf) if name)
