"""CustomResourceDefinitions take whatever parse takes, and nothing of it is pruned away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from meltemi.apps.descriptions import describe
from meltemi.core.crds.definitions import GROUPS, OLD_GROUPS, definitions
from meltemi.core.crds.schema import Schema, schema_of
from meltemi.core.model.kinds import KINDS, KindRole, kind_of
from meltemi.core.model.traffic.destination_rule import ConsistentHashLB, OutlierDetection
from meltemi.core.model.tree import Tree
from meltemi.core.parse.documents import Parsed, parse

SAMPLES = Path(__file__).parents[4] / "shared/conformance/samples/given"
ALL = {one["metadata"]["name"]: one for one in definitions(describe, old=True)}
OPAQUE = "x-kubernetes-preserve-unknown-fields"
FREE = {"EnvoyFilter": {"value"}, "WasmPlugin": {"pluginConfig"}, "TrafficExtension": {"pluginConfig"}}
"""Fields in the words of others."""


def nothing(kind: type, attribute: str) -> str:
    return ""


def spec_schema(kind: str, group: str) -> Schema:
    found = kind_of(group, kind)
    assert found
    versions: list[Schema] = ALL[f"{found.plural}.{group}"]["spec"]["versions"]
    return versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def pruned(tree: Tree, schema: Schema) -> Tree:
    """What an API server keeps of a tree."""
    if isinstance(tree, dict) and "additionalProperties" in schema:
        return {name: pruned(child, schema["additionalProperties"]) for name, child in tree.items()}
    if isinstance(tree, dict) and not schema.get(OPAQUE):
        properties: dict[str, Schema] = schema.get("properties", {})
        return {name: pruned(child, properties[name]) for name, child in tree.items() if name in properties}
    if isinstance(tree, list) and "items" in schema:
        return [pruned(child, schema["items"]) for child in tree]
    return tree


def subschemas(schema: Schema) -> Iterator[Schema]:
    yield schema
    for child in (*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")):
        if child:
            yield from subschemas(child)


def open_fields(schema: Schema) -> Iterator[str]:
    """Fields that hold whatever is written."""
    yield from (name for name, child in schema.get("properties", {}).items() if OPAQUE in child)


def samples() -> list[Parsed]:
    files = [file for file in SAMPLES.rglob("*.yaml") if file.is_file()]
    every = [one for file in files for one in parse(str(file), file.read_bytes())[0]]
    return [one for one in every if one.document and one.key and one.key.group in GROUPS | OLD_GROUPS]


def test_every_kind_of_istio_has_one() -> None:
    kinds = {f"{kind.plural}.{kind.group}" for kind in KINDS if kind.group in GROUPS | OLD_GROUPS}

    assert set(ALL) == kinds
    assert not any(
        name.partition(".")[2] in OLD_GROUPS for name in (d["metadata"]["name"] for d in definitions(describe))
    )


def test_every_version_is_served_and_the_first_is_stored() -> None:
    for kind in KINDS:
        if kind.group in GROUPS:
            versions = ALL[f"{kind.plural}.{kind.group}"]["spec"]["versions"]
            assert tuple(one["name"] for one in versions) == kind.versions
            assert [one["storage"] for one in versions] == [True] + [False] * (len(versions) - 1)
            assert all(one["served"] and one["subresources"] == {"status": {}} for one in versions)


def test_only_what_is_not_read_has_any_form() -> None:
    for kind in KINDS:
        if kind.role is KindRole.MESH:
            spec = spec_schema(kind.kind, kind.group)
            free = {name for one in subschemas(spec) for name in open_fields(one)}
            assert OPAQUE not in spec, kind.kind
            assert free <= FREE.get(kind.kind, set()), kind.kind


def test_what_parse_takes_is_not_pruned() -> None:
    found = samples()
    if not found:
        pytest.skip("the conformance samples are not here")
    for one in found:
        assert one.key
        assert isinstance(one.tree, dict)
        spec = one.tree.get("spec")
        assert pruned(spec, spec_schema(one.key.kind, one.key.group)) == spec, one.key


def test_fields_have_the_words_of_the_model() -> None:
    spec = spec_schema("VirtualService", "networking.istio.io")
    retries = spec["properties"]["http"]["items"]["properties"]["retries"]

    assert retries["properties"]["perTryTimeout"] == {
        "type": "string",
        "description": "Limit of each single try; None is the route's timeout.",
    }
    assert retries["description"] == "How often, how long and for which failures a request is tried again."


def test_alternatives_exclude_each_other() -> None:
    schema = schema_of(ConsistentHashLB, nothing)
    groups = [schema] if "oneOf" in schema else schema["allOf"]

    assert [len(one["oneOf"]) for one in groups] == [len(group) + 1 for group in ConsistentHashLB.ONEOFS]
    assert {"required": ["httpHeaderName"]} in groups[0]["oneOf"]


def test_a_class_in_itself_ends() -> None:
    outer = schema_of(OutlierDetection, nothing)["properties"]

    assert "http" not in outer["http"]["properties"]
    assert outer["http"]["properties"]["interval"] == outer["interval"]
