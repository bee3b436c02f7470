"""Fields of ProxyConfig and of MeshConfig.defaultConfig that a proxy is started with, by a pod made after them."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from e2e.fields.settings import Settings
from e2e.fields.shown import shows
from e2e.fields.world import World
from e2e.mesh import Mesh, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PC, MC = "ProxyConfig", "MeshConfig"
POD = "late"
MANIFEST = """\
apiVersion: v1
kind: Pod
metadata:
  name: late
  labels: {app: late}
  annotations: {proxy.istio.io/config: "concurrency: 2"}
spec:
  terminationGracePeriodSeconds: 2
  containers:
    - name: app
      image: curlimages/curl
      command: ["/bin/sleep", "infinity"]
"""


class Made:
    """A pod that is made when it is asked for."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh

    def anew(self, manifest: str = MANIFEST) -> dict[str, Any]:
        """The pod's proxy as the node runs it."""
        self.drop()
        self.mesh.run("apply", "-f", "-", text=manifest)
        self.mesh.run("wait", f"pod/{POD}", "--timeout", "60s")
        containers = self.mesh.json("get", "pod", POD)["spec"]["containers"]
        return next(one for one in containers if one["name"] == "istio-proxy")

    def drop(self) -> None:
        self.mesh.run("delete", "pod", POD, status=(0, 1))
        eventually(lambda: POD not in [p["metadata"]["name"] for p in self.mesh.json("get", "pods")["items"]], 30)

    def ask(self, path: str) -> str:
        """Envoy's admin interface in the pod."""
        return self.mesh.exec(POD, "pilot-agent", "request", "GET", path, container="istio-proxy")

    @property
    def workers(self) -> int:
        return int(json.loads(self.ask("server_info"))["command_line_options"]["concurrency"])


@pytest.fixture
def pod(mesh: Mesh) -> Generator[Made]:
    made = Made(mesh)
    yield made
    made.drop()


@shows(PC, "selector.matchLabels", "concurrency", "environmentVariables", "image.imageType")
def test_what_selects_a_pod(world: World, pod: Made) -> None:
    world.apply(
        PC,
        "late",
        "selector: {matchLabels: {app: late}}\nconcurrency: 3\nenvironmentVariables: {ISTIO_META_TEAM: blue}\n"
        "image: {imageType: distroless}",
        version="v1beta1",
    )
    world.apply(PC, "others", "selector: {matchLabels: {app: others}}\nconcurrency: 4", version="v1beta1")

    proxy = pod.anew()

    assert pod.workers == 3
    assert proxy["image"].endswith("proxyv2:distroless")
    assert json.loads(pod.ask("server_info"))["node"]["metadata"]["TEAM"] == "blue"


@shows(
    MC,
    "defaultConfig.concurrency",
    "defaultConfig.proxyMetadata",
    "defaultConfig.drainDuration",
    "defaultConfig.terminationDrainDuration",
    "defaultConfig.serviceCluster",
    "defaultConfig.statusPort",
    "defaultConfig.fileFlushInterval",
    "defaultConfig.fileFlushMinSizeKb",
    "defaultConfig.runtimeValues",
    "defaultConfig.image.imageType",
    "defaultConfig.holdApplicationUntilProxyStarts",
    "defaultConfig.proxyStatsMatcher.inclusionPrefixes[]",
    "defaultConfig.proxyStatsMatcher.inclusionSuffixes[]",
    "defaultConfig.proxyStatsMatcher.inclusionRegexps[]",
)
def test_what_the_mesh_starts_proxies_with(world: World, pod: Made, settings: Settings) -> None:
    settings.put(
        "defaultConfig:\n  concurrency: 3\n  drainDuration: 7s\n  serviceCluster: own-cluster\n"
        "  fileFlushInterval: 2s\n  fileFlushMinSizeKb: 16\n  runtimeValues: {own.key: '7'}\n"
        "  image: {imageType: debug}\n  holdApplicationUntilProxyStarts: false\n"
        "  proxyMetadata: {ISTIO_META_TEAM: blue}\n  terminationDrainDuration: 1s\n  statusPort: 15029\n"
        "  proxyStatsMatcher:\n    inclusionPrefixes: [runtime]\n    inclusionSuffixes: [flushed_by_timer]\n"
        "    inclusionRegexps: ['.*workers_started']"
    )
    proxy = pod.anew(MANIFEST.replace('"concurrency: 2"', '""'))

    options = json.loads(pod.ask("server_info"))["command_line_options"]
    assert pod.workers == 3
    assert (options["drain_time"], options["file_flush_interval"]) == ("7s", "2s")
    started = world.mesh.exec(POD, "sh", "-c", "cat /proc/[0-9]*/cmdline", container="istio-proxy")
    assert "--file-flush-min-size-kb\x0016\x00" in started
    node = json.loads(pod.ask("server_info"))["node"]
    assert (node["cluster"], node["metadata"]["TEAM"]) == ("own-cluster", "blue")
    assert json.loads(pod.ask("runtime"))["entries"]["own.key"]["final_value"] == "7"
    assert proxy["image"].endswith("proxyv2:debug")
    assert "lifecycle" not in proxy
    world.mesh.exec(POD, "pilot-agent", "request", "--debug-port", "15029", "GET", "healthz/ready",
                    container="istio-proxy")  # fmt: skip
    stats = pod.ask("stats")
    assert all(word in stats for word in ("runtime.", "flushed_by_timer", "workers_started"))


@shows(MC, "defaultConfig.interceptionMode", "enablePrometheusMerge")
def test_what_pods_are_made_with(mesh: Mesh, pod: Made, settings: Settings) -> None:
    pod.anew()
    made = mesh.json("get", "pod", POD)
    assert [one["name"] for one in made["spec"]["initContainers"]] == ["istio-init"]
    assert made["metadata"]["annotations"]["prometheus.io/port"] == "15020"
    settings.put("enablePrometheusMerge: false\ndefaultConfig: {interceptionMode: NONE}")
    pod.anew()
    made = mesh.json("get", "pod", POD)
    assert "initContainers" not in made["spec"]
    assert "prometheus.io/port" not in made["metadata"]["annotations"]
