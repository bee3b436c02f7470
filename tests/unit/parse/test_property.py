"""Whatever is thrown at the parser, it answers with findings: 20,000 examples here, 200,000 by scripts/bench."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meltemi.core.check.validate import check_document, validate_bytes
from meltemi.core.model.tree import Tree

MORE = int(os.environ.get("MELTEMI_FUZZ", "1"))
"""Times as many examples."""
pytestmark = pytest.mark.timeout(600 * MORE)
KINDS = ("VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "Sidecar", "WorkloadEntry")
WORDS = st.sampled_from(
    [
        "hosts",
        "http",
        "route",
        "destination",
        "host",
        "port",
        "number",
        "match",
        "uri",
        "exact",
        "tls",
        "mode",
        "servers",
        "trafficPolicy",
        "loadBalancer",
        "subsets",
        "name",
        "endpoints",
        "ports",
        "timeout",
        "retries",
        "retryOn",
        "ingress",
        "egress",
        "bind",
        "a.b",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | WORDS
TREES = st.recursive(
    LEAVES, lambda below: st.lists(below, max_size=4) | st.dictionaries(WORDS, below, max_size=5), max_leaves=25
)


@settings(max_examples=5000 * MORE, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300))
def test_bytes(text: bytes):
    validate_bytes("f", text)


@settings(max_examples=5000 * MORE, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@,?<\n \t~01", max_size=60))
def test_texts_of_yaml_signs(text: str):
    validate_bytes("f", text.encode())


@settings(max_examples=5000 * MORE, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TREES)
def test_any_tree(tree: Tree):
    check_document(tree)


@settings(max_examples=5000 * MORE, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(KINDS), st.dictionaries(WORDS, TREES, max_size=5))
def test_any_spec(kind: str, spec: dict[str, Tree]):
    tree: Tree = {
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": {"name": "a"},
        "spec": spec,
    }
    document, findings = check_document(tree)
    assert document is not None or findings
