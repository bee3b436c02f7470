"""Which ProxyConfigs hold for a pod, and what its proxy is told of them."""

import json

import pytest

from meltemi.apps.injection import LARGE, Injector
from meltemi.core.compose.proxy_configs import layers
from meltemi.core.inject.config import InjectConfig
from meltemi.core.inject.inject import applied
from meltemi.core.model.proxy import DISCOVERY, Discovery
from meltemi.core.parse.faults import Faults
from meltemi.core.parse.mesh import decode_mesh_config
from meltemi.core.pipeline.findings import findings
from meshes import mesh_of, service


def written(name: str, spec: str, namespace: str = "shop", created: str = "2026-01-01T00:00:00Z") -> str:
    return (
        "---\napiVersion: networking.istio.io/v1beta1\nkind: ProxyConfig\n"
        f"metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: '{created}'}}\nspec: {spec}\n"
    )


CART = "{selector: {matchLabels: {app: cart}}, concurrency: %d}"
OLD, NEW = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"


def told(text: str, note: str = "", mesh: object = None) -> dict[str, object]:
    """The PROXY_CONFIG of a pod of the cart, and its image."""
    settings = decode_mesh_config({"defaultConfig": mesh or {}}, Faults())  # pyright: ignore[reportArgumentType]
    return started(Injector(mesh_of(text, settings), InjectConfig(xds_dir="/x")), note)


def started(inject: Injector, note: str = "") -> dict[str, object]:
    pod = {
        "metadata": {"name": "cart", "labels": {"app": "cart"}, "annotations": {"proxy.istio.io/config": note}},
        "spec": {"containers": [{"name": "app", "image": "cart"}]},
    }
    answer = inject(pod, namespace="shop", namespace_labels={"istio-injection": "enabled"})
    assert answer.patch is not None
    proxy = next(c for c in applied(pod, answer.patch)["spec"]["containers"] if c["name"] == "istio-proxy")
    env = {one["name"]: one.get("value", "") for one in proxy["env"]}
    return {
        **json.loads(env["PROXY_CONFIG"]),
        "env A": env.get("A"),
        DISCOVERY: env.get(f"ISTIO_META_{DISCOVERY}"),
        "image": proxy["image"],
    }


def test_layers_the_oldest_of_each():
    text = "".join((
        written("late", "{concurrency: 1}", created=NEW),
        written("early", "{concurrency: 1}", created=OLD),
        written("mesh", "{concurrency: 1}", namespace="istio-system"),
        written("cart-late", CART % 1, created=NEW),
        written("cart", CART % 1, created=OLD),
        written("elsewhere", CART % 1, namespace="istio-system", created=OLD),
    ))  # fmt: skip

    found = layers(mesh_of(text), "shop", (("app", "cart"),))

    assert [key.name for key in found.wide] == ["mesh", "early"]
    assert found.own is not None
    assert found.own.name == "cart"


CONCURRENCY: dict[str, tuple[str, str, dict[str, object], int]] = {
    "the mesh": ("", "", {"concurrency": 2}, 2),
    "root over mesh": (written("a", "{concurrency: 3}", "istio-system"), "", {"concurrency": 2}, 3),
    "namespace over root": (
        written("a", "{concurrency: 3}", "istio-system") + written("b", "{concurrency: 4}"),
        "",
        {},
        4,
    ),
    "pod over namespace": (written("b", "{concurrency: 4}"), "concurrency: 5", {}, 5),
    "selected over pod": (written("c", CART % 6), "concurrency: 5", {}, 6),
    "zero is an answer": (written("c", CART % 0), "concurrency: 5", {}, 0),
}


@pytest.mark.parametrize(("text", "note", "mesh", "wanted"), CONCURRENCY.values(), ids=CONCURRENCY)
def test_the_narrowest_says(text: str, note: str, mesh: object, wanted: int):
    assert told(text, note, mesh)["concurrency"] == wanted


def test_variables_are_put_together():
    text = written("a", "{environmentVariables: {A: '1', B: '1'}}", "istio-system") + written(
        "b", "{environmentVariables: {A: '2'}}"
    )
    got = told(text)
    assert got["proxyMetadata"] == {"A": "2", "B": "1"}
    assert got["env A"] == "2"


def test_a_variant_of_the_image():
    assert told(written("a", "{image: {imageType: distroless}}"))["image"] == "meltemi/proxyv2:distroless"
    assert told(written("a", "{image: {imageType: default}}"))["image"] == "meltemi/proxyv2"


def test_a_younger_one_for_the_same_proxies_is_named():
    text = written("old", CART % 1, created=OLD) + written("new", CART % 2, created=NEW)
    assert [(f.code, f.key.name if f.key else "") for f in findings(mesh_of(text))] == [("M3501", "new")]


@pytest.mark.parametrize(
    ("discovery", "services", "wanted"),
    [
        (Discovery.FULL, LARGE + 1, None),
        (Discovery.ONDEMAND, 1, "ondemand"),
        (Discovery.AUTO, LARGE, None),
        (Discovery.AUTO, LARGE + 1, "ondemand"),
    ],
)
def test_how_a_proxy_finds_hosts_is_said_when_its_pod_is_made(
    discovery: Discovery, services: int, wanted: str | None
) -> None:
    mesh = mesh_of("".join(service(f"s{i}", "http:80") for i in range(services)))
    inject = Injector(mesh, InjectConfig(xds_dir="/x"), discovery)

    assert started(inject)[DISCOVERY] == wanted
    assert started(inject, "{proxyMetadata: {ISTIO_META_DISCOVERY: full}}")[DISCOVERY] == "full"
