"""Who a proxy is: the store's bytes and the engine's document of one Pod say the same."""

from typing import Any

import pytest
import yaml

from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.pipeline.compile import fill
from meltemi.core.pipeline.proxies import pod_proxy
from meltemi.shell.doors import proxy_of_pod
from meshes import documents

POD = """
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
  labels: {{version: v1, app: web}}
  annotations: {{sidecar.istio.io/status: '{{}}'}}
spec:
  containers: [{{name: app}}, {containers}]
  initContainers: [{{name: istio-init}}, {native}]
status: {{podIP: {address}}}
"""
SIDECAR = (
    "{name: istio-proxy, args: [proxy, sidecar], env: [{name: ISTIO_META_NETWORK, value: one}, {name: X, value: z}]}"
)
ROUTER = "{name: istio-proxy, args: [proxy, router], env: [{name: ISTIO_META_NODE_NAME, valueFrom: {}}]}"
OTHER = "{name: other}"


@pytest.mark.parametrize(
    ("containers", "native", "address"),
    [(SIDECAR, OTHER, "10.1.0.1"), (ROUTER, OTHER, "''"), (OTHER, SIDECAR, "10.1.0.1")],
    ids=["sidecar", "gateway without an address", "native sidecar"],
)
def test_a_pods_proxy(containers: str, native: str, address: str) -> None:
    text = POD.format(containers=containers, native=native, address=address)
    engine, stored = Engine(), yaml.safe_load(text)
    fill(engine, documents(text))
    raw: dict[str, Any] = stored

    assert engine.get(pod_proxy, Key(group="", kind="Pod", namespace="shop", name="web")) == proxy_of_pod(raw)


def test_a_pod_without_a_proxy_has_none() -> None:
    engine = Engine()
    fill(
        engine, documents(POD.format(containers=OTHER, native=OTHER, address="''").replace("sidecar.istio.io", "x.io"))
    )

    assert engine.get(pod_proxy, Key(group="", kind="Pod", namespace="shop", name="web")) is None
