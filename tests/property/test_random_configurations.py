"""What a user could apply is compiled without an exception, and the real Envoy takes all of it.

One live Envoy for sidecars and one for gateways, many configurations. What a seed means changes with the model: what
one has shown becomes a test of its own.
"""

import os
import shutil
from collections.abc import Generator

import pytest

from meltemi.apps.cli.compile import lists
from meltemi.core.model.finding import Severity
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.parse.documents import parse
from meltemi.core.pipeline.compile import compile_mesh
from property.configurations import Tree, configuration
from property.live_envoy import LiveEnvoy, living

SIDECAR = Proxy(
    role=Role.SIDECAR, id="one.default", namespace="default", addresses=("198.18.0.1",), labels=(("app", "a"),)
)
GATEWAY = Proxy(
    role=Role.ROUTER, id="g.default", namespace="default", addresses=("198.18.0.2",), labels=(("istio", "in"),)
)
COUNT = int(os.environ.get("MELTEMI_CONFIGURATIONS", "200"))
"""How many; `scripts/bench` asks for 2,000."""

Envoys = dict[Role, LiveEnvoy]


@pytest.fixture(scope="module")
def envoys(tmp_path_factory: pytest.TempPathFactory) -> Generator[Envoys]:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("needs root for a network namespace")
    # A proxy never becomes one of another role: Envoy 1.40 crashes where a listener begins to bind (docs/envoy.md).
    first, second = (tmp_path_factory.mktemp(role.value) for role in (Role.SIDECAR, Role.ROUTER))
    with living(first) as sidecar, living(second) as gateway:
        yield {Role.SIDECAR: sidecar, Role.ROUTER: gateway}


def refusals(text: str, envoys: Envoys) -> dict[Role, str]:
    """What each Envoy says against a mesh that has no errors."""
    parsed, _ = parse("mesh.yaml", text.encode())
    documents = [p.document for p in parsed if p.document is not None]
    found: dict[Role, str] = {}
    for proxy in (SIDECAR, GATEWAY):
        compiled = compile_mesh(documents, MeshConfig(), proxy)
        if all(f.severity is not Severity.ERROR for f in compiled.findings):
            found[proxy.role] = envoys[proxy.role].refusal(lists(compiled))
    return {role: said for role, said in found.items() if said}


@pytest.mark.timeout(300 + 3 * COUNT)
def test_envoy_takes_every_configuration_without_errors(envoys: Envoys) -> None:
    failed: dict[int, dict[Role, str]] = {}
    for seed in range(COUNT):
        if said := refusals(configuration(seed), envoys):
            failed[seed] = said
    assert not failed, f"{failed}\n{configuration(next(iter(failed)))}"


def test_an_envoy_that_refuses_is_heard(envoys: Envoys) -> None:
    listener = {"name": "twice", "address": {"socketAddress": {"address": "nobody", "portValue": 1}}}
    empty: Tree = {"routes": [], "virtual_hosts": [], "clusters": [], "endpoints": [], "extensions": []}

    assert "twice" in envoys[Role.SIDECAR].refusal({**empty, "listeners": [listener]})
