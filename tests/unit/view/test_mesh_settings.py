"""What MeshConfig decides besides documents: namespaces that are looked at, and the layers under their rules."""

import pytest

from meltemi.core.check.mesh import read_mesh_config
from meltemi.core.compose.inputs import keys
from meltemi.core.model.document import Key
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.pipeline.own_settings import own_settings
from meltemi.core.view.http_settings import http_settings
from meltemi.core.view.retry import effective_retry
from meshes import mesh_of


def settings(text: str) -> MeshConfig:
    config, found = read_mesh_config("m", text.encode())
    assert not found
    return config


def namespace(name: str, labels: str = "{}") -> str:
    return (
        f"---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {labels}}}\n"
        f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: a, namespace: {name}}}\n"
        "spec: {clusterIP: None, ports: [{name: http, port: 80}]}\n"
    )


SPACES = namespace("shop", "{team: a, env: prod}") + namespace("mail", "{team: b}") + namespace("istio-system")

SELECTED = {
    "none is all": ("[]", ["istio-system", "mail", "shop"]),
    "labels": ("[{matchLabels: {team: a}}]", ["istio-system", "shop"]),
    "any of several": ("[{matchLabels: {team: a}}, {matchLabels: {team: b}}]", ["istio-system", "mail", "shop"]),
    "all of one": ("[{matchLabels: {team: b, env: prod}}]", ["istio-system"]),
    "in": ("[{matchExpressions: [{key: team, operator: In, values: [b]}]}]", ["istio-system", "mail"]),
    "not in": ("[{matchExpressions: [{key: team, operator: NotIn, values: [b]}]}]", ["istio-system", "shop"]),
    "exists": ("[{matchExpressions: [{key: env, operator: Exists}]}]", ["istio-system", "shop"]),
    "not there": ("[{matchExpressions: [{key: env, operator: DoesNotExist}]}]", ["istio-system", "mail"]),
    "by name": ("[{matchLabels: {kubernetes.io/metadata.name: mail}}]", ["istio-system", "mail"]),
}


@pytest.mark.parametrize(("selectors", "wanted"), SELECTED.values(), ids=SELECTED)
def test_namespaces_that_are_looked_at(selectors: str, wanted: list[str]):
    e = mesh_of(SPACES, settings(f"discoverySelectors: {selectors}"))
    assert [key.namespace for key in keys(e, "", "Service")] == wanted


def test_a_pods_annotation_replaces_each_field_of_the_mesh():
    text = "defaultConfig: {gatewayTopology: {numTrustedProxies: 2}, proxyHeaders: {server: {value: edge}}}"
    pod = (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations:\n"
        "    proxy.istio.io/config: 'proxyHeaders: {attemptCount: {disabled: true}}'\n"
        "spec: {containers: [{name: a, image: a}]}\n"
    )
    e = mesh_of(pod, settings(text))

    own = own_settings(e, Key(group="", kind="Pod", namespace="default", name="p"))

    assert own.topology.num_trusted_proxies == 2
    assert own.headers.server is None
    assert own.headers.attempt_count is not None


def test_what_stands_before_a_gateway_is_nothing_to_a_sidecar():
    mesh = settings("defaultConfig: {gatewayTopology: {numTrustedProxies: 2}}")
    own = own_settings(mesh_of("", mesh), Key(group="", kind="Pod", namespace="a", name="b"))
    assert http_settings(mesh, own, gateway=True).trusted_proxies == 2
    assert http_settings(mesh, own, gateway=False).trusted_proxies == 0


def test_retries_of_the_mesh_are_for_routes_that_say_nothing():
    default = settings("defaultHttpRetryPolicy: {attempts: 7, retryOn: 5xx}").default_http_retry_policy
    found = effective_retry(None, hashed=False, default=default)
    assert found is not None
    assert (found.attempts, found.conditions) == (7, ("5xx",))
    off = settings("defaultHttpRetryPolicy: {attempts: 0}").default_http_retry_policy
    assert effective_retry(None, hashed=False, default=off) is None
