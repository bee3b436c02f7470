"""Paths as users write them."""

import pytest

from meltemi.core.model.document import Path
from meltemi.core.model.tree import camel, field, item, parent


def test_names_that_are_no_words_are_quoted():
    assert field(Path("metadata.labels"), "a.b/c") == 'metadata.labels["a.b/c"]'


@pytest.mark.parametrize(
    ("path", "above"),
    [("spec.http[0]", "spec.http"), ('labels["a.b"]', "labels"), ("spec", ""), ("", ""), ("a.b", "a")],
)
def test_parent(path: str, above: str):
    assert parent(Path(path)) == above


def test_item_counts_from_zero():
    assert item(Path("hosts"), 0) == "hosts[0]"


@pytest.mark.parametrize(
    ("proto", "json"),
    [("retry_on", "retryOn"), ("consecutive_5xx_errors", "consecutive5xxErrors"), ("from_", "from"), ("x", "x")],
)
def test_camel(proto: str, json: str):
    assert camel(proto) == json
