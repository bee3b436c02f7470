"""Annotations that say what of a pod's traffic its proxy gets, each by real calls out of the pod and into it.

A VirtualService answers itself whatever a proxy carries to `echo` and `bare`, and a policy lets nobody into the pod: so
an answer says whether a call passed the proxy.
"""

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from e2e.fields.conftest import enter
from e2e.fields.inside import Inside
from e2e.fields.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

TRAFFIC = "traffic.sidecar.istio.io/"
POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: captured, labels: {{app: captured}}, annotations: {{{annotations}}}}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{{name: app, image: example/echo, args: [captured, '8080', '9000', '7000', '2525']}}]
"""
# fmt: off
CASES: dict[str, tuple[dict[str, str], tuple[bool, bool, bool]]] = {
    #                         annotations, {echo} is its address                            → echo, bare, into the pod
    "nothing said":           ({},                                                             (True, True, True)),
    "ranges":                 ({"includeOutboundIPRanges": "{echo}/32"},                       (True, False, True)),
    "no ranges":              ({"includeOutboundIPRanges": ""},                                (False, False, True)),
    "other ranges":           ({"excludeOutboundIPRanges": "{echo}/32"},                       (False, True, True)),
    "all but a range":        ({"includeOutboundIPRanges": "*", "excludeOutboundIPRanges": "{echo}/32"},
                                                                                               (False, True, True)),
    "not to a port":          ({"excludeOutboundPorts": "80"},                                 (False, False, True)),
    "to a port":              ({"includeOutboundIPRanges": "{echo}/32", "includeOutboundPorts": "80"},
                                                                                               (True, True, True)),
    "to another port":        ({"includeOutboundIPRanges": "{echo}/32", "includeOutboundPorts": "81"},
                                                                                               (True, False, True)),
    "into a port":            ({"includeInboundPorts": "8080"},                                (True, True, True)),
    "into another port":      ({"includeInboundPorts": "7000"},                                (True, True, False)),
    "into no port":           ({"includeInboundPorts": ""},                                    (True, True, False)),
    "not into a port":        ({"excludeInboundPorts": "7000,8080"},                           (True, True, False)),
    "not by an interface":    ({"excludeInterfaces": "eth0"},                                  (False, False, False)),
}
# fmt: on


@contextmanager
def captured(world: World, annotations: dict[str, str]) -> Generator[Inside]:
    """A pod with annotations."""
    echo = world.client.address("echo")
    said = ", ".join(f"'{TRAFFIC}{name}': '{value.format(echo=echo)}'" for name, value in annotations.items())
    world.mesh.apply_text(POD.format(annotations=said))
    try:
        world.mesh.run("wait", "pod/captured", "--timeout", "60s")
        inside = enter(world.mesh, "captured")
        yield inside
        inside.close()
    finally:
        world.mesh.run("delete", "pod", "captured")


@pytest.mark.parametrize(("annotations", "expected"), CASES.values(), ids=CASES)
def test_what_the_proxy_gets(world: World, annotations: dict[str, str], expected: tuple[bool, bool, bool]) -> None:
    world.virtual_service("hosts: [echo, bare]\nhttp: [{directResponse: {status: 200, body: {string: ruled}}}]")
    world.apply("AuthorizationPolicy", "nobody", "selector: {matchLabels: {app: captured}}", group="security")
    with captured(world, annotations) as inside:
        there = world.mesh.json("get", "pod", "captured")["status"]["podIP"]
        found = (
            inside.ask("echo").body == "ruled",
            inside.ask("bare").body == "ruled",
            world.client.ask("captured", port=8080, to=there).status == 403,
        )
    assert found == expected
