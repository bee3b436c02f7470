"""Objects get their kind and name; nothing is refused that a cluster would keep."""

import pytest

from meltemi.core.model.document import Key
from meltemi.core.model.finding import Severity
from meltemi.core.model.opaque import Opaque
from meltemi.core.parse.documents import Parsed, parse

VS = "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"


def one(text: str) -> Parsed:
    parsed, findings = parse("f.yaml", text.encode(), namespace="shop")
    assert not findings
    assert len(parsed) == 1
    return parsed[0]


def codes(text: str) -> list[str]:
    return [f.code for f in one(text).findings]


def test_the_default_namespace_is_the_callers():
    got = one(VS + "metadata: {name: a}\nspec: {hosts: [a]}")
    assert got.key == Key(group="networking.istio.io", kind="VirtualService", namespace="shop", name="a")
    assert got.sound


def test_kinds_without_namespaces_have_none():
    got = one("apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: b}")
    assert got.key == Key(group="", kind="Namespace", namespace="", name="a")


def test_old_deployments_are_deployments():
    got = one("apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 2}")
    assert got.key is not None
    assert got.key.group == "apps"
    assert got.document is not None
    assert got.document.version == "v1beta1"


def test_lists_are_taken_apart_and_keep_their_places():
    text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: {name: UP}\n"
    got = one(text)
    assert [(f.code, f.span.line, f.span.column) for f in got.findings] == [("M1205", 6, 20)]


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        ("telemetry.istio.io/v1\nkind: Telemetry", Severity.WARNING),
        ("config.istio.io/v1alpha2\nkind: denier", Severity.WARNING),
        ("autoscaling/v2\nkind: HorizontalPodAutoscaler", Severity.INFO),
        ("example.com/v1\nkind: Anything", Severity.INFO),
    ],
)
def test_kinds_without_effect_are_kept_with_one_finding(kind: str, severity: Severity):
    got = one(f"apiVersion: {kind}\nmetadata: {{name: a}}\nspec: {{anything: [1]}}")
    assert [f.severity for f in got.findings] == [severity]
    assert got.document is not None
    assert got.document.spec == Opaque()


# fmt: off
REFUSED = {
    "not an object": ("- a", "M1201"),
    "no kind": ("apiVersion: v1\nmetadata: {name: a}", "M1202"),
    "no version": ("kind: Service\nmetadata: {name: a}", "M1202"),
    "odd version": ("apiVersion: a/b/c\nkind: Service\nmetadata: {name: a}", "M1202"),
    "unknown version": ("apiVersion: networking.istio.io/v2\nkind: Gateway\nmetadata: {name: a}", "M1203"),
    "no name": (VS + "spec: {}", "M1204"),
    "name in capitals": (VS + "metadata: {name: A}\nspec: {}", "M1205"),
    "namespace with a dot": (VS + "metadata: {name: a, namespace: a.b}\nspec: {}", "M1205"),
    "label that is no text": (VS + "metadata: {name: a, labels: {v: 1}}\nspec: {}", "M1103"),
    "unknown field above spec": (VS + "metadata: {name: a}\nspce: {}", "M1101"),
    "name that is no text": (VS + "metadata: {name: 1}\nspec: {}", "M1103"),
}
# fmt: on


@pytest.mark.parametrize(("text", "code"), REFUSED.values(), ids=REFUSED)
def test_refused(text: str, code: str):
    assert code in codes(text)
    assert not one(text).sound


def test_a_duplicate_key_takes_the_document_away_and_the_other_faults_are_told_too():
    got = one(VS + "metadata: {name: a}\nspec:\n  hosts: [a]\n  hosts: [b]\n  htp: []\n")
    assert [f.code for f in got.findings] == ["M1002", "M1101"]
    assert not got.sound


def test_a_fault_of_a_field_written_in_proto_names_finds_its_line():
    got = one(VS + "metadata: {name: a}\nspec:\n  http:\n  - cors_policy:\n      max_age: 5\n")
    assert [(f.path, f.span.line) for f in got.findings] == [("spec.http[0].corsPolicy.maxAge", 7)]
