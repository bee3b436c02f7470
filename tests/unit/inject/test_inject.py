"""The patch that gives a pod its proxy."""

import copy
import json
from typing import Any

import jsonpatch  # pyright: ignore[reportMissingTypeStubs]
import pytest
from msgspec import structs

from meltemi.core.inject.config import InjectConfig
from meltemi.core.inject.inject import Injection, applied, inject
from meltemi.core.model.finding import Severity

Json = dict[str, Any]
CONFIG = InjectConfig(xds_dir="/state/xds")


def pod(notes: dict[str, str] | None = None, **container: Any) -> Json:
    app = {"name": "cart", "image": "cart:1", "ports": [{"containerPort": 8080, "name": "http"}], **container}
    metadata = {"name": "cart-1", "labels": {"app": "cart", "version": "v1"}, "annotations": notes or {}}
    return {"metadata": metadata, "spec": {"containers": [app]}}


def ask(given: Json, config: InjectConfig = CONFIG) -> Injection:
    return inject(given, namespace="shop", namespace_labels={"istio-injection": "enabled"}, config=config)


def injected(given: Json, config: InjectConfig = CONFIG) -> Json:
    answer = ask(given, config)
    assert answer.patch is not None
    return applied(given, answer.patch)


def proxy(given: Json) -> Json:
    return next(c for c in given["spec"]["containers"] if c["name"] == "istio-proxy")


def env(given: Json) -> Json:
    return {e["name"]: e.get("value") for e in proxy(given)["env"]}


def test_the_patch_is_rfc_6902():
    given = pod(livenessProbe={"tcpSocket": {"port": "http"}})
    answer = ask(given)
    assert answer.patch is not None

    by_library: Json = jsonpatch.apply_patch(given, list(answer.patch))  # pyright: ignore[reportUnknownMemberType]

    assert by_library == applied(given, answer.patch)


def test_the_pod_that_was_given_is_not_changed():
    given = pod()
    before = copy.deepcopy(given)

    ask(given)

    assert given == before


def test_a_pod_without_metadata_can_be_patched():
    got = injected({"spec": {"containers": [{"name": "cart"}]}})

    assert proxy(got)


def test_the_proxy_starts_first_and_holds_the_application():
    got = injected(pod())

    assert [c["name"] for c in got["spec"]["containers"]] == ["istio-proxy", "cart"]
    assert proxy(got)["lifecycle"]["postStart"]["exec"]["command"] == ["pilot-agent", "wait"]


def test_an_application_that_does_not_want_to_wait_starts_first():
    got = injected(pod({"proxy.istio.io/config": "holdApplicationUntilProxyStarts: false"}))

    assert [c["name"] for c in got["spec"]["containers"]] == ["cart", "istio-proxy"]
    assert "lifecycle" not in proxy(got)


@pytest.mark.parametrize("restart", ["Never", "OnFailure"])
def test_the_proxy_of_a_pod_that_is_to_end_is_a_native_sidecar(restart: str):
    given = pod()
    given["spec"] |= {"restartPolicy": restart, "initContainers": [{"name": "fill", "image": "fill"}]}

    spec = injected(given)["spec"]

    assert [c["name"] for c in spec["initContainers"]] == ["istio-init", "istio-proxy", "fill"]
    assert [c["name"] for c in spec["containers"]] == ["cart"]
    sidecar = spec["initContainers"][1]
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["startupProbe"]


def test_the_socket_of_the_pod_is_mounted():
    volumes = {v["name"]: v for v in injected(pod())["spec"]["volumes"]}

    assert volumes["meltemi-xds"]["hostPath"] == {"path": "/state/xds/shop/cart-1", "type": "DirectoryOrCreate"}


def test_the_proxy_has_a_token_for_the_authority_and_a_place_for_its_secrets():
    got = injected(pod())

    volumes = {v["name"]: v for v in got["spec"]["volumes"]}
    mounts = {m["name"]: m["mountPath"] for m in proxy(got)["volumeMounts"]}
    (source,) = volumes["istio-token"]["projected"]["sources"]
    assert source["serviceAccountToken"] == {"audience": "istio-ca", "expirationSeconds": 43200, "path": "istio-token"}
    assert mounts["istio-token"] == "/var/run/secrets/tokens"
    assert mounts["workload-socket"] == "/var/run/secrets/workload-spiffe-uds"
    (app,) = [c for c in got["spec"]["containers"] if c["name"] == "cart"]
    assert "volumeMounts" not in app


@pytest.mark.parametrize(
    ("own", "wanted"), [({}, "istio"), ({"security.istio.io/tlsMode": "disabled"}, "disabled")], ids=["unsaid", "said"]
)
def test_a_sidecar_is_labelled_for_mutual_tls_unless_the_pod_says_otherwise(own: dict[str, str], wanted: str):
    given = pod()
    given["metadata"]["labels"].update(own)

    assert injected(given)["metadata"]["labels"]["security.istio.io/tlsMode"] == wanted


def test_a_second_injection_changes_nothing():
    assert ask(injected(pod())).patch is None


def test_probes_over_the_network_go_to_the_agent():
    got = injected(
        pod(
            livenessProbe={"httpGet": {"port": "http", "path": "/live", "host": "10.0.0.1"}, "timeoutSeconds": 4},
            readinessProbe={"grpc": {"port": 8080, "service": "cart"}},
            startupProbe={"exec": {"command": ["true"]}},
        )
    )
    app = got["spec"]["containers"][1]

    assert app["livenessProbe"] == {"httpGet": {"path": "/app-health/cart/livez", "port": 15020}, "timeoutSeconds": 4}
    assert app["startupProbe"] == {"exec": {"command": ["true"]}}
    assert json.loads(env(got)["ISTIO_KUBE_APP_PROBERS"]) == {
        "/app-health/cart/livez": {"httpGet": {"port": 8080, "path": "/live"}, "timeoutSeconds": 4},
        "/app-health/cart/readyz": {"grpc": {"port": 8080, "service": "cart"}},
    }


def test_probes_stay_where_the_pod_says_so():
    probe = {"httpGet": {"port": 8080}}
    got = injected(pod({"sidecar.istio.io/rewriteAppHTTPProbers": "false"}, livenessProbe=probe))

    assert got["spec"]["containers"][1]["livenessProbe"] == probe
    assert "ISTIO_KUBE_APP_PROBERS" not in env(got)


def test_without_interception_no_rules_are_made():
    got = injected(pod({"sidecar.istio.io/interceptionMode": "NONE"}))

    assert "initContainers" not in got["spec"]
    assert env(got)["ISTIO_META_INTERCEPTION_MODE"] == "NONE"


def test_the_application_metrics_are_named_to_the_agent_and_the_agent_to_the_scraper():
    got = injected(pod({"prometheus.io/scrape": "true", "prometheus.io/port": "9102"}))

    assert json.loads(env(got)["ISTIO_PROMETHEUS_ANNOTATIONS"]) == {"scrape": "true", "port": "9102"}
    assert got["metadata"]["annotations"]["prometheus.io/port"] == "15020"


def test_the_pod_overrides_fields_of_its_proxy():
    given = pod()
    own = {
        "name": "istio-proxy",
        "image": "auto",
        "env": [{"name": "X", "value": "1"}],
        "resources": {"limits": {"cpu": "1"}},
    }
    given["spec"]["containers"].append(own)

    got = injected(given)

    assert proxy(got)["image"] == CONFIG.image
    assert proxy(got)["resources"] == {"limits": {"cpu": "1"}}
    assert env(got)["X"] == "1"
    assert env(got)["TRUST_DOMAIN"] == "cluster.local"


def test_a_gateway_is_its_pods_own_container():
    container = {"name": "istio-proxy", "image": "auto", "ports": [{"containerPort": 8443}]}
    given = pod({"inject.istio.io/templates": "gateway"}) | {"spec": {"containers": [container]}}

    got = injected(given)

    assert [c["name"] for c in got["spec"]["containers"]] == ["istio-proxy"]
    assert proxy(got)["args"][:2] == ["proxy", "router"]
    assert [p["containerPort"] for p in proxy(got)["ports"]] == [15090, 8443]
    assert "initContainers" not in got["spec"]
    assert "istio-token" in {m["name"] for m in proxy(got)["volumeMounts"]}
    assert "security.istio.io/tlsMode" not in got["metadata"]["labels"]


def test_the_makers_maker_is_found():
    given = pod()
    given["metadata"]["labels"]["pod-template-hash"] = "abc"
    owner = {"controller": True, "kind": "ReplicaSet", "apiVersion": "apps/v1", "name": "cart-v1-abc"}
    given["metadata"]["ownerReferences"] = [owner]

    got = env(injected(given))

    assert got["ISTIO_META_WORKLOAD_NAME"] == "cart-v1"
    assert got["ISTIO_META_OWNER"] == "kubernetes://apis/apps/v1/namespaces/shop/deployments/cart-v1"


def test_a_pods_proxy_config_lies_over_the_meshs():
    mesh = (("concurrency", 3), ("proxyMetadata", {"A": "1", "B": "1"}))
    config = InjectConfig(xds_dir="/x", proxy_config=mesh)

    got = injected(pod({"proxy.istio.io/config": "proxyMetadata: {B: '2'}"}), config)

    assert json.loads(env(got)["PROXY_CONFIG"]) == {"concurrency": 3, "proxyMetadata": {"A": "1", "B": "2"}}
    assert env(got)["B"] == "2"


# fmt: off
REFUSED = {
    #                  annotation                                        value            said
    "range":           ("traffic.sidecar.istio.io/includeOutboundIPRanges", "10.0.0.300/8", "'10.0.0.300/8'"),
    "port":            ("traffic.sidecar.istio.io/excludeInboundPorts",  "80,http",       "'http' is no port"),
    "mode":            ("sidecar.istio.io/interceptionMode",             "TPROXY",        "use REDIRECT"),
    "mode in config":  ("proxy.istio.io/config",                         "interceptionMode: TPROXY", "use REDIRECT"),
    "yaml":            ("proxy.istio.io/config",                         "a: [",          "is not YAML"),
    "quantity":        ("sidecar.istio.io/proxyCPU",                     "much",          "'much' is no quantity"),
    "template":        ("inject.istio.io/templates",                     "custom",        "no injection template"),
}
# fmt: on


@pytest.mark.parametrize(("name", "value", "said"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_value_refuses_the_pod(name: str, value: str, said: str):
    answer = ask(pod({name: value}))

    assert answer.refused
    assert answer.patch is None
    assert any(said in f.message for f in answer.findings)


# fmt: off
WARNED = {
    "bootstrap":       ("sidecar.istio.io/bootstrapOverride", "mine",                   "has no effect: the agent"),
    "unknown":         ("sidecar.istio.io/proxyCpu",          "1",                      "is unknown"),
    "field of config": ("proxy.istio.io/config",              "tracing: {sampling: 1}", "'tracing'"),
    "dns allocation":  ("proxy.istio.io/config", "proxyMetadata: {ISTIO_META_DNS_AUTO_ALLOCATE: '1'}", "_ALLOCATE'"),
}
# fmt: on


@pytest.mark.parametrize(("name", "value", "said"), WARNED.values(), ids=WARNED)
def test_what_has_no_effect_is_said_and_the_pod_is_injected(name: str, value: str, said: str):
    answer = ask(pod({name: value}))

    assert answer.patch is not None
    assert [f.severity for f in answer.findings if said in f.message] == [Severity.WARNING]


def test_a_label_that_is_neither_yes_nor_no_is_said():
    given = pod()
    given["metadata"]["labels"]["sidecar.istio.io/inject"] = "maybe"

    assert ["'sidecar.istio.io/inject: maybe'" in f.message for f in ask(given).findings] == [True]


def test_where_there_is_one_user_the_proxy_is_known_by_its_mark():
    got = injected(pod(), InjectConfig(xds_dir="/state/xds", one_user=True))

    context = proxy(got)["securityContext"]
    assert (context["runAsUser"], context["runAsNonRoot"]) == (0, False)
    assert context["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN"]}
    assert env(got)["MELTEMI_PROXY_MARK"] == "1337"
    args = next(c for c in got["spec"]["initContainers"] if c["name"] == "istio-init")["args"]
    assert args[args.index("--proxy-mark") + 1] == "1337"
    assert "-u" not in args


CAPTURES = {"proxy.istio.io/config": "proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}"}


def test_names_are_captured_where_the_pod_asks():
    def flags(annotations: dict[str, str]) -> list[str]:
        init = next(c for c in injected(pod(annotations))["spec"]["initContainers"] if c["name"] == "istio-init")
        return init["args"]

    assert "--redirect-dns" in flags(CAPTURES)
    assert "--redirect-dns" not in flags({})


def test_without_root_names_are_not_captured_and_that_is_said():
    answer = ask(pod(CAPTURES), config=structs.replace(CONFIG, one_user=True))

    assert [f.severity for f in answer.findings if "without root" in f.message] == [Severity.WARNING]
