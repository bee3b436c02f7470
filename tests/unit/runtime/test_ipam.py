"""Pods' addresses are known again after a restart of the node."""

from typing import Any

from meltemi.shell.runtime.ipam import ANNOTATION, PodAddresses


def pod(uid: str, ip: str = "", note: str = "") -> dict[str, Any]:
    annotations = {ANNOTATION: note} if note else {}
    return {"metadata": {"uid": uid, "annotations": annotations}, "status": {"podIP": ip}}


def test_what_stored_pods_have_is_not_given_again() -> None:
    addresses = PodAddresses("198.18.0.0/16", [pod("a", ip="198.18.0.2"), pod("b", note="198.18.0.3"), pod("c")])

    assert [addresses.allocate(uid) for uid in "abcd"] == ["198.18.0.2", "198.18.0.3", "198.18.0.4", "198.18.0.5"]


def test_a_freed_address_rests() -> None:
    addresses = PodAddresses("198.18.0.0/16")
    addresses.allocate("a")
    addresses.release("a")

    assert addresses.allocate("b") == "198.18.0.3"
