"""Rules for the forms that Istio gave up: what is refused, and what is only said."""

import pytest

from meltemi.core.check.validate import validate_bytes
from meltemi.core.model.finding import Severity

BOUND = "roleRef: {kind: ServiceRole, name: r}"
EVERYBODY = "subjects: [{user: '*'}]"


def codes(kind: str, spec: str, name: str = "default") -> list[tuple[str, str, str]]:
    group = "authentication" if kind.endswith("Policy") else "rbac"
    text = f"apiVersion: {group}.istio.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    _, found = validate_bytes("f.yaml", text.encode())
    return [(f.severity.value, f.code, f.path.removeprefix("spec.")) for f in found]


ERROR, WARNING, INFO = (one.value for one in (Severity.ERROR, Severity.WARNING, Severity.INFO))


@pytest.mark.parametrize(
    ("kind", "spec", "name"),
    [
        ("ServiceRole", "{rules: [{services: ['a*'], methods: ['*'], paths: ['/a'], ports: [80]}]}", "r"),
        ("ServiceRole", "{rules: [{services: [a], constraints: [{key: 'destination.labels[x]', values: [v1]}]}]}", "r"),
        ("ServiceRoleBinding", f"{{{EVERYBODY}, {BOUND}}}", "b"),
        ("ServiceRoleBinding", f"{{{EVERYBODY}, role: /r}}", "b"),
        ("ServiceRoleBinding", f"{{{EVERYBODY}, actions: [{{paths: [/a]}}], mode: PERMISSIVE}}", "b"),
        ("ClusterRbacConfig", "{mode: ON_WITH_EXCLUSION, exclusion: {}}", "default"),
        ("RbacConfig", "{mode: 'ON'}", "default"),
        ("Policy", "{peers: [{mtls: null}], origins: [{jwt: {issuer: a}}], principalBinding: USE_ORIGIN}", "default"),
        ("Policy", "{targets: [{name: a, ports: [{number: 80}, {name: b}]}]}", "p"),
        ("MeshPolicy", "{peers: [{mtls: {mode: PERMISSIVE}}]}", "default"),
    ],
)
def test_sound(kind: str, spec: str, name: str) -> None:
    assert codes(kind, spec, name) == []


@pytest.mark.parametrize(
    ("kind", "spec", "name", "found"),
    [
        ("ServiceRole", "{}", "r", (ERROR, "M2013", "spec")),
        ("ServiceRole", "{rules: [{methods: ['*']}]}", "r", (ERROR, "M2013", "rules[0]")),
        (
            "ServiceRole",
            "{rules: [{services: [a], paths: [/a], notPaths: [/b]}]}",
            "r",
            (ERROR, "M2932", "rules[0].notPaths"),
        ),
        ("ServiceRole", "{rules: [{services: [a], ports: [0]}]}", "r", (ERROR, "M2003", "rules[0].ports[0]")),
        (
            "ServiceRole",
            "{rules: [{services: [a], methods: [p.S/M]}]}",
            "r",
            (WARNING, "M2935", "rules[0].methods[0]"),
        ),
        (
            "ServiceRole",
            "{rules: [{services: [a], constraints: [{key: x, values: [v1]}]}]}",
            "r",
            (WARNING, "M2935", "rules[0].constraints[0].key"),
        ),
        (
            "ServiceRole",
            "{rules: [{services: [a], constraints: [{key: destination.ip, values: [v1]}]}]}",
            "r",
            (ERROR, "M2008", "rules[0].constraints[0].values[0]"),
        ),
        ("ServiceRoleBinding", f"{{{BOUND}}}", "b", (ERROR, "M2013", "spec")),
        ("ServiceRoleBinding", f"{{subjects: [{{}}], {BOUND}}}", "b", (ERROR, "M2933", "subjects[0]")),
        (
            "ServiceRoleBinding",
            f"{{subjects: [{{names: ['*']}}], {BOUND}}}",
            "b",
            (ERROR, "M2933", "subjects[0].names[0]"),
        ),
        ("ServiceRoleBinding", f"{{subjects: [{{group: g}}], {BOUND}}}", "b", (INFO, "M1304", "subjects[0].group")),
        (
            "ServiceRoleBinding",
            f"{{{EVERYBODY}, roleRef: {{kind: Role, name: r}}}}",
            "b",
            (ERROR, "M2934", "roleRef.kind"),
        ),
        ("ServiceRoleBinding", f"{{{EVERYBODY}, role: /}}", "b", (ERROR, "M2013", "spec")),
        ("ServiceRoleBinding", f"{{{EVERYBODY}, {BOUND}, role: r}}", "b", (ERROR, "M1105", "role")),
        ("ClusterRbacConfig", "{mode: ON_WITH_EXCLUSION}", "default", (ERROR, "M2013", "spec")),
        ("ClusterRbacConfig", "{mode: 'ON'}", "other", (ERROR, "M2930", "metadata.name")),
        ("RbacConfig", "{mode: 'ON', inclusion: {}}", "default", (WARNING, "M2931", "inclusion")),
        ("Policy", "{targets: [{name: bad.target}]}", "p", (ERROR, "M2939", "targets[0].name")),
        ("Policy", "{}", "p", (ERROR, "M2939", "spec")),
        ("Policy", "{targets: [{name: a}]}", "default", (ERROR, "M2939", "targets")),
        ("Policy", "{peers: [{jwt: {issuer: a}}]}", "default", (ERROR, "M2940", "peers[0].jwt")),
        ("Policy", "{origins: [{}]}", "default", (ERROR, "M2013", "origins[0]")),
        (
            "Policy",
            "{origins: [{jwt: {issuer: a, triggerRules: [{excludedPaths: [{suffix: a}]}]}}]}",
            "default",
            (WARNING, "M2941", "origins[0].jwt.triggerRules[0].excludedPaths[0].suffix"),
        ),
        ("MeshPolicy", "{targets: [{name: a}]}", "default", (ERROR, "M2939", "targets")),
        ("MeshPolicy", "{peers: [{mtls: {allowTls: true}}]}", "default", (INFO, "M1304", "peers[0].mtls.allowTls")),
    ],
)
def test_what_is_said(kind: str, spec: str, name: str, found: tuple[str, str, str]) -> None:
    assert found in codes(kind, spec, name)
