"""identity/spiffe reads the ids of workloads and nothing that only looks like one."""

import pytest

from meltemi.core.identity.spiffe import Identity, parse

GOOD = "spiffe://cluster.local/ns/shop/sa/cart"


def test_an_id_is_read_as_it_is_written():
    identity = parse(GOOD)

    assert identity == Identity(trust_domain="cluster.local", namespace="shop", service_account="cart")
    assert identity is not None
    assert identity.uri == GOOD


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://cluster.local/ns/shop/sa/cart",
        "spiffe://cluster.local",
        "spiffe:///ns/shop/sa/cart",
        "spiffe://Cluster.Local/ns/shop/sa/cart",
        "spiffe://cluster.local:8080/ns/shop/sa/cart",
        "spiffe://me@cluster.local/ns/shop/sa/cart",
        "spiffe://cluster.local/ns/shop/sa/cart/",
        "spiffe://cluster.local/ns//sa/cart",
        "spiffe://cluster.local/ns/../sa/cart",
        "spiffe://cluster.local/ns/shop/sa/ca%72t",
        "spiffe://cluster.local/ns/shop/sa/cart?x",
        "spiffe://cluster.local/sa/shop/ns/cart",
        "spiffe://" + "a" * 256 + "/ns/shop/sa/cart",
        "spiffe://cluster.local/ns/shop/sa/" + "a" * 2048,
    ],
)
def test_other_uris_are_nobody(uri: str):
    assert parse(uri) is None
