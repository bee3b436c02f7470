"""Fields of WorkloadGroup, by traffic to the entry that `x workload entry configure` makes of a group."""

import pytest

from e2e.fields.shown import shows
from e2e.fields.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WG = "WorkloadGroup"
GROUP = """\
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata:
  name: machines
spec:
  metadata:
    labels: {app: machine, version: two}
    annotations: {who: made}
  template:
    labels: {version: one}
    ports: {http: 8080}
    weight: 3
    serviceAccount: default
    locality: eu/a
    network: ""
"""


@shows(WG, "metadata.labels", "metadata.annotations", "template.labels", "template.ports", "template.address")
def test_an_entry_of_a_group_is_called(world: World) -> None:
    address = world.mesh.json("get", "pod", world.mesh.pod("bare-"))["status"]["podIP"]
    made = world.mesh.run("x", "workload", "entry", "configure", "-f", "-", "--address", address, text=GROUP)
    port = "ports: [{number: 80, name: http, protocol: HTTP}]"
    chosen = "workloadSelector: {labels: {app: machine, version: two}}"
    head = "hosts: [machines.example.com]\nlocation: MESH_EXTERNAL\nresolution: STATIC\n"
    world.apply("ServiceEntry", "machines", f"{head}{port}\n{chosen}")
    name = f"machines-{address}"
    try:
        world.mesh.apply_text(made)
        assert world.client.ask("machines.example.com", to="192.0.2.9").body.split()[0] == "bare"
        assert world.mesh.json("get", "workloadentry", name)["metadata"]["annotations"]["who"] == "made"
    finally:
        world.mesh.run("delete", "workloadentry", name, status=(0, 1))
