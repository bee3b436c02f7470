"""compose/peer_authentication: the narrowest policy decides, of equals the oldest."""

import pytest

from meltemi.core.compose.peer_authentication import PeerModes, modes_of
from meltemi.core.model.security.peer_authentication import MutualTLSMode
from meltemi.core.view.peer_findings import peer_findings
from meshes import mesh_of

WEB = (("app", "web"), ("version", "v1"))


def policy(name: str, spec: str, namespace: str = "default", created: str = "2024-01-01T00:00:00Z") -> str:
    return (
        "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        f"metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: '{created}'}}\nspec: {spec}\n"
    )


MESH = policy("mesh", "{mtls: {mode: STRICT}}", "istio-system")
UNSET = policy("unset", "{mtls: {mode: UNSET}}")
NAMESPACE = policy("all", "{mtls: {mode: DISABLE}}")
WORKLOAD = policy("web", "{selector: {matchLabels: {app: web}}, mtls: {mode: PERMISSIVE}}")
EVERY_WEB = policy("webs", "{selector: {matchLabels: {app: web}}, mtls: {mode: DISABLE}}", "istio-system")
PORTS = policy(
    "web",
    "{selector: {matchLabels: {app: web}}, portLevelMtls: {8080: {mode: STRICT}, 9: {mode: UNSET}}}",
)


def modes(text: str, namespace: str = "default") -> PeerModes:
    return mesh_of(text).get(modes_of, namespace, WEB)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("", "PERMISSIVE"),
        (MESH, "STRICT"),
        (MESH + NAMESPACE, "DISABLE"),
        (MESH + UNSET, "STRICT"),
        (MESH + NAMESPACE + WORKLOAD, "PERMISSIVE"),
        (EVERY_WEB, "DISABLE"),
        (EVERY_WEB + WORKLOAD, "PERMISSIVE"),
        (MESH + PORTS, "STRICT"),
        (policy("new", "{mtls: {mode: STRICT}}", created="2025-01-01T00:00:00Z") + NAMESPACE, "DISABLE"),
    ],
    ids=["nothing", "mesh", "namespace", "unset", "workload", "root selector", "own first", "ports", "oldest"],
)
def test_the_narrowest_policy_decides(text: str, mode: str) -> None:
    assert modes(text).mode == mode


def test_another_namespace_is_not_concerned() -> None:
    assert modes(NAMESPACE + WORKLOAD, "elsewhere").mode is MutualTLSMode.PERMISSIVE


def test_a_port_may_differ_and_an_unset_one_does_not() -> None:
    found = modes(NAMESPACE + PORTS)

    assert found.ports == ((8080, MutualTLSMode.STRICT),)
    assert (found.at(8080), found.at(9)) == (MutualTLSMode.STRICT, MutualTLSMode.DISABLE)


def test_a_policy_that_an_older_one_overrules_is_named() -> None:
    newer = policy("new", "{mtls: {mode: STRICT}}", created="2025-01-01T00:00:00Z")

    (found,) = mesh_of(newer + NAMESPACE).get(peer_findings)

    assert (found.code, found.key.name if found.key else "") == ("M2902", "new")
    assert "all" in found.message
