"""kubectl is simply kubectl: every verb that Istio's users have in their fingers, on a mesh of `up --kube`."""

import os
import pty
import re
import urllib.request

import pytest

from e2e.kube.conftest import BOOKINFO, Cluster
from e2e.kube.kubectl import lines_until
from e2e.mesh import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

NETWORKING = BOOKINFO / "networking"


def versions(cluster: Cluster, **headers: str) -> set[str]:
    return set(cluster.mesh.reviews(6, **headers))


def test_the_page_is_served(cluster: Cluster) -> None:
    status, body = cluster.mesh.ask("/productpage")

    assert status == 200
    assert "The Comedy of Errors" in body


def test_pods_are_injected_at_admission(cluster: Cluster) -> None:
    pods = cluster.kubectl.json("get", "pods", "-l", "app=reviews")["items"]

    assert len(pods) == 3
    for pod in pods:
        assert [one["name"] for one in pod["spec"]["containers"]].count("istio-proxy") == 1
        assert all(one["ready"] for one in pod["status"]["containerStatuses"])


def test_routing_by_apply_and_delete(clean: Cluster) -> None:
    clean.kubectl("apply", "-f", NETWORKING / "destination-rule-all.yaml")
    clean.kubectl("apply", "-f", NETWORKING / "virtual-service-all-v1.yaml")
    eventually(lambda: versions(clean) == {"reviews-v1"})
    clean.kubectl("apply", "-f", NETWORKING / "virtual-service-reviews-v3.yaml")
    eventually(lambda: versions(clean) == {"reviews-v3"})
    clean.kubectl("delete", "-f", NETWORKING / "virtual-service-all-v1.yaml")
    eventually(lambda: len(versions(clean)) > 1)


def test_patch_and_get_by_short_names(clean: Cluster) -> None:
    clean.kubectl("apply", "-f", NETWORKING / "destination-rule-all.yaml")
    clean.kubectl("apply", "-f", NETWORKING / "virtual-service-all-v1.yaml")
    patch = '{"spec": {"http": [{"route": [{"destination": {"host": "reviews", "subset": "v2"}}]}]}}'
    clean.kubectl("patch", "vs", "reviews", "--type", "merge", "-p", patch)
    eventually(lambda: versions(clean) == {"reviews-v2"})

    table = clean.kubectl("get", "vs,dr,gw")
    assert re.search(r"virtualservice\S+/reviews\s+\[\"reviews\"\]", table)
    assert re.search(r"destinationrule\S+/ratings\s+ratings", table)


def test_edit(clean: Cluster) -> None:
    clean.kubectl("apply", "-f", NETWORKING / "destination-rule-all.yaml")
    clean.kubectl("apply", "-f", NETWORKING / "virtual-service-all-v1.yaml")
    clean.kubectl("edit", "vs", "reviews", editor="sed -i 's/subset: v1$/subset: v3/'")
    eventually(lambda: versions(clean) == {"reviews-v3"})


def test_get_and_watch(clean: Cluster) -> None:
    with clean.kubectl.started("get", "vs", "-w", "--no-headers") as watching:
        lines_until(watching, "bookinfo")
        clean.kubectl("apply", "-f", NETWORKING / "virtual-service-all-v1.yaml")
        assert any("ratings" in line for line in lines_until(watching, "ratings"))


def test_every_version_of_the_api_is_served(clean: Cluster) -> None:
    clean.kubectl("apply", "-f", NETWORKING / "virtual-service-all-v1.yaml")
    for version in ("v1", "v1beta1", "v1alpha3"):
        rule = clean.kubectl.json("get", f"virtualservices.{version}.networking.istio.io", "reviews")
        assert rule["apiVersion"] == f"networking.istio.io/{version}"


def test_faults_are_refused_with_the_findings_of_validate(cluster: Cluster) -> None:
    rule = (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: bad}\nspec:\n  hosts: [reviews]\n"
        "  http:\n  - route: [{destination: {host: reviews}}]\n    retries: {attempts: 3, retryOn: conect-failure}\n"
    )
    refused = cluster.kubectl.result("apply", "-f", "-", text=rule)
    assert refused.returncode != 0
    assert "error[M2104]" in refused.stderr
    assert "did you mean 'connect-failure'" in refused.stderr
    unknown = cluster.kubectl.result("apply", "-f", "-", text=rule.replace("retries", "retris"))
    assert 'unknown field "spec.http[0].retris"' in unknown.stderr


def test_explain_has_the_words_of_the_model(cluster: Cluster) -> None:
    said = cluster.kubectl("explain", "virtualservice.spec.http.retries.perTryTimeout")

    assert "Limit of each single try" in said


def test_a_rollout_is_restarted(cluster: Cluster) -> None:
    before = cluster.pod("details")
    cluster.kubectl("rollout", "restart", "deployment/details-v1")
    cluster.kubectl("rollout", "status", "deployment/details-v1", "--timeout=60s")
    eventually(lambda: before not in cluster.kubectl.names("pods"), 40)
    assert cluster.mesh.ask("/productpage")[0] == 200


def test_scale_and_delete_pods(cluster: Cluster) -> None:
    cluster.kubectl("scale", "deployment/ratings-v1", "--replicas=3")
    cluster.kubectl("rollout", "status", "deployment/ratings-v1", "--timeout=60s")
    first = cluster.kubectl.names("pods", "-l", "app=ratings")
    assert len(first) == 3
    cluster.kubectl("delete", "pod", first[0], "--wait")
    assert first[0] not in cluster.kubectl.names("pods")
    cluster.kubectl("scale", "deployment/ratings-v1", "--replicas=1")
    eventually(lambda: len(cluster.kubectl.names("pods", "-l", "app=ratings")) == 1, 40)


def test_logs(cluster: Cluster) -> None:
    pod = cluster.pod("productpage")
    cluster.mesh.ask("/productpage?before")
    with cluster.kubectl.started("logs", "-f", pod, "-c", "productpage", "--tail=1") as following:
        lines_until(following, "/productpage")
        cluster.mesh.ask("/productpage?followed")
        lines_until(following, "/productpage?followed")
    stamped = cluster.kubectl("logs", pod, "-c", "productpage", "--timestamps", "--tail=1")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z .*/productpage", stamped)
    assert len(cluster.kubectl("logs", pod, "-c", "productpage", "--limit-bytes=10")) == 10
    assert "no-such" in cluster.kubectl.result("logs", pod, "-c", "no-such").stderr


def test_exec(cluster: Cluster) -> None:
    pod = cluster.pod("details")
    done = cluster.kubectl.result("exec", pod, "-c", "details", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.stdout, done.returncode) == ("out\n", 3)
    assert done.stderr.startswith("err\n")
    assert cluster.kubectl("exec", "-i", pod, "-c", "details", "--", "cat", text="typed") == "typed"
    large = cluster.kubectl("exec", pod, "-c", "details", "--", "python3", "-c", "print('x' * 3_000_000)")
    assert len(large) == 3_000_001


def test_a_program_ends_with_who_called_it(cluster: Cluster) -> None:
    pod = cluster.pod("details")

    def running() -> bool:
        done = cluster.kubectl.result("exec", pod, "-c", "details", "--", "pgrep", "-fx", "sleep 4321")
        return done.returncode == 0

    with cluster.kubectl.started("exec", pod, "-c", "details", "--", "sleep", "4321"):
        eventually(running)
    eventually(lambda: not running())


def test_a_terminal(cluster: Cluster) -> None:
    pod = cluster.pod("details")
    ours, theirs = pty.openpty()
    child = cluster.kubectl.on_terminal(theirs, "exec", "-it", pod, "-c", "details", "--", "sh")
    os.close(theirs)
    os.write(ours, b"test -t 0 && echo terminal-$((40+2)); exit 5\n")
    said = b""
    while b"terminal-42" not in said:
        said += os.read(ours, 1024)
    assert child.wait() == 5
    os.close(ours)


def test_port_forward(cluster: Cluster) -> None:
    with cluster.kubectl.started("port-forward", cluster.pod("details"), ":9080") as forwarding:
        port = re.search(r"127\.0\.0\.1:(\d+)", lines_until(forwarding, "127.0.0.1")[-1])
        assert port
        for number in range(3):
            with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/details/{number}") as answer:
                assert answer.status == 200
    with cluster.kubectl.started("port-forward", cluster.pod("details"), ":9") as forwarding:
        port = re.search(r"127\.0\.0\.1:(\d+)", lines_until(forwarding, "127.0.0.1")[-1])
        assert port
        with pytest.raises(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/")
        lines_until(forwarding, "Connection refused")


def test_the_machine_is_a_node(cluster: Cluster) -> None:
    nodes = cluster.kubectl.json("get", "nodes")["items"]

    assert [one["metadata"]["name"] for one in nodes] == ["meltemi"]
    ready = [one["status"] for one in nodes[0]["status"]["conditions"] if one["type"] == "Ready"]
    assert ready == ["True"]
    assert cluster.kubectl.names("leases", "-n", "kube-node-lease") == ["meltemi"]


IN_THE_POD = """
import ssl, urllib.request
folder = "/var/run/secrets/kubernetes.io/serviceaccount/"
context = ssl.create_default_context(cafile=folder + "ca.crt")
headers = {"Authorization": "Bearer " + open(folder + "token").read()}
request = urllib.request.Request("https://kubernetes.default.svc/version", headers=headers)
print(urllib.request.urlopen(request, context=context, timeout=10).status)
"""


def test_a_pod_reaches_the_api_with_its_own_token(cluster: Cluster) -> None:
    said = cluster.kubectl("exec", "-i", cluster.pod("client"), "-c", "client", "--", "python3", "-", text=IN_THE_POD)

    assert said == "200\n"


def test_our_own_commands_go_on(clean: Cluster) -> None:
    rules = NETWORKING / "destination-rule-all.yaml"
    clean.mesh.run("apply", "-f", rules)
    clean.mesh.run("wait", "dr/reviews", "--timeout", "20s")
    assert set(clean.kubectl.names("destinationrules")) == {"productpage", "reviews", "ratings", "details"}
    clean.mesh.run("delete", "-f", rules)
    assert clean.kubectl.names("destinationrules") == []
    pod = clean.pod("client")
    clean.mesh.run("delete", "pod", pod)
    eventually(lambda: pod not in clean.kubectl.names("pods"), 30)
    clean.kubectl("rollout", "status", "deployment/client", "--timeout=60s")


def test_documents_say_who_has_them(clean: Cluster) -> None:
    clean.kubectl("apply", "-f", NETWORKING / "virtual-service-all-v1.yaml")
    clean.kubectl("wait", "--for=condition=Programmed", "virtualservice/reviews", "--timeout=30s")
    status = clean.kubectl.json("get", "virtualservice", "reviews")["status"]

    assert {one["type"]: one["status"] for one in status["conditions"]} == {"Accepted": "True", "Programmed": "True"}
    # The subset that it names is in no DestinationRule.
    assert "M3102" in {one["code"] for one in status["findings"]}


def test_a_namespace_goes_with_all_that_is_in_it(cluster: Cluster) -> None:
    cluster.kubectl("create", "namespace", "shop")
    cluster.kubectl("-n", "shop", "apply", "-f", BOOKINFO / "platform/kube/bookinfo.yaml")
    cluster.kubectl("-n", "shop", "apply", "-f", NETWORKING / "destination-rule-all.yaml")
    cluster.kubectl("-n", "shop", "rollout", "status", "deployment/ratings-v1", "--timeout=60s")
    cluster.kubectl("delete", "namespace", "shop", "--timeout=60s")
    assert "shop" not in cluster.kubectl.names("namespaces")
