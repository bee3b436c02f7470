"""Which modules are fetched again, from which registry, and what is said there."""

import base64
import json

import pytest

from meltemi.core.compose.modules import module_sources, registry_of, source_of
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key, Meta
from meltemi.core.model.kube.namespace import Secret
from meltemi.core.model.module import ModuleSource, PullTerms
from meltemi.core.model.traffic.extension import PullPolicy, WasmConfig, WasmPlugin

SUM = "0" * 64


@pytest.mark.parametrize(
    ("url", "policy", "sha256", "want"),
    [
        ("example.com/a:v1", "UNSPECIFIED_POLICY", "", False),
        ("example.com/a:v1", "Always", "", True),
        ("example.com/a:v1", "Always", SUM, False),
        ("example.com/a", "UNSPECIFIED_POLICY", "", True),
        ("oci://example.com:5000/a", "UNSPECIFIED_POLICY", "", True),
        ("oci://example.com/a:latest", "UNSPECIFIED_POLICY", "", True),
        ("oci://example.com/a:latest", "IfNotPresent", "", False),
        (f"oci://example.com/a@sha256:{SUM}", "Always", "", False),
        ("https://example.com/latest", "UNSPECIFIED_POLICY", "", False),
        ("https://example.com/a.wasm", "Always", "", True),
    ],
)
def test_what_is_looked_at_again(url: str, policy: str, sha256: str, want: bool) -> None:
    found = source_of(WasmConfig(url=url, image_pull_policy=PullPolicy(policy), sha256=sha256), "shop")
    assert found is not None
    assert found.changes is want


def test_a_file_is_not_fetched() -> None:
    assert source_of(WasmConfig(url="file:///a.wasm"), "shop") is None


@pytest.mark.parametrize(
    ("url", "want"),
    [
        ("oci://a/b:v1", "docker.io"),
        ("oci://a", "docker.io"),
        ("oci://localhost/a", "localhost"),
        ("oci://a:5000/b", "a:5000"),
        ("oci://a.io/b", "a.io"),
    ],
)
def test_registries(url: str, want: str) -> None:
    assert registry_of(url) == want


def sources(config: object, entry: str = "auths") -> tuple[tuple[ModuleSource, PullTerms], ...]:
    """With one plugin that names a Secret with these users and passwords."""
    e = Engine()
    group = "extensions.istio.io"
    plugin = Key(group=group, kind="WasmPlugin", namespace="shop", name="a")
    secret = Key(group="", kind="Secret", namespace="shop", name="pull")
    spec = WasmPlugin(url="oci://r.example.com/a:v1", image_pull_secret="pull")
    data = ((".dockerconfigjson", json.dumps({entry: config}).encode()),)
    for key, value in ((plugin, spec), (secret, Secret(data=data))):
        meta = Meta(name=key.name, namespace=key.namespace)
        e.put(("doc", key), Document(key=key, version="v1", meta=meta, spec=value))
        e.put(("docs", key.group, key.kind), frozenset({key}))
    return e.get(module_sources)


def test_what_a_registry_is_told() -> None:
    basic = base64.b64encode(b"u:p").decode()
    for said in ({"auth": basic}, {"username": "u", "password": "p"}):
        for host in ("r.example.com", "https://r.example.com/v1/"):
            ((source, terms),) = sources({host: said})
            assert (source.secret, terms.basic) == ("shop/pull", basic)


@pytest.mark.parametrize("config", [{"other.example.com": {"auth": "dTpw"}}, {"r.example.com": 1}, [], None])
def test_a_secret_of_no_use_lets_nothing_be_fetched(config: object) -> None:
    assert sources(config) == ()
    assert sources(config, "other") == ()
