"""Injection and validation, counted under Istio's names.

Place:  servers/api · apps/control_plane puts it around the steps of admission, for servers/api and servers/webhook
"""

from collections.abc import Mapping

from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.kinds import kind_or_unknown
from meltemi.shell.measures import Measures
from meltemi.shell.servers.api.admission import Injected, Injector, Validate
from meltemi.shell.servers.api.trees import Object


class CountedInjector:
    """An injector that counts what it is asked and what came of it."""

    def __init__(self, inject: Injector, measures: Measures) -> None:
        self._inject = inject
        about = "Pods that the injector was asked about, and what became of them."
        known = {name: measures.counter(f"sidecar_injection_{name}_total", about).labels() for name in _OUTCOMES}
        self._requests, self._success, self._skip, self._failure = (known[name] for name in _OUTCOMES)

    def __call__(self, pod: Object, *, namespace: str, namespace_labels: Mapping[str, str]) -> Injected:
        """As the injector itself."""
        self._requests.inc()
        try:
            answer = self._inject(pod, namespace=namespace, namespace_labels=namespace_labels)
        except Exception:
            self._failure.inc()
            raise
        if _is_bad(answer.findings):
            self._failure.inc()
        else:
            (self._skip if answer.patch is None else self._success).inc()
        return answer


def counted(validate: Validate, measures: Measures) -> Validate:
    """Validation that counts documents of the mesh's own kinds."""
    about = "Documents of the mesh's own kinds that were looked at before they were stored."
    passed = measures.counter("galley_validation_passed", about, "group", "version", "resource")
    failed = measures.counter("galley_validation_failed", about, "group", "version", "resource", "reason")

    def look(tree: Object, namespace: str) -> tuple[Finding, ...]:
        found = validate(tree, namespace)
        group, _, version = str(tree.get("apiVersion", "")).rpartition("/")
        if group.endswith("istio.io"):
            resource = kind_or_unknown(group, str(tree.get("kind", "")), version).plural
            if _is_bad(found):
                failed.labels(group, version, resource, "invalid_resource").inc()
            else:
                passed.labels(group, version, resource).inc()
        return found

    return look


def _is_bad(found: tuple[Finding, ...]) -> bool:
    return any(one.severity is Severity.ERROR for one in found)


_OUTCOMES = ("requests", "success", "skip", "failure")
