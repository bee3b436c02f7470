"""A ReplicaSet has as many pods as it asks for."""

from itertools import count

import pytest

from meltemi.core.node.objects import Action, Delete, Object, Put
from meltemi.core.node.replica_sets import replica_set_actions
from unit.node.objects import NOW, pod, replica_set

# fmt: off
CASES: dict[str, tuple[list[Object], int, list[str]]] = {
    #                             pods                                                     → made, removed
    "none yet":                   ([],                                                       2, []),
    "enough":                     ([pod("a"), pod("b")],                                     0, []),
    "one is leaving":             ([pod("a"), pod("b", leaving=True)],                       1, []),
    "one has failed":             ([pod("a"), pod("b", phase="Failed")],                     1, ["b"]),
    "too many: not ready first":  ([pod("a"), pod("b", ready=False), pod("c")],              0, ["b"]),
    "too many: not placed first": ([pod("a", ready=False), pod("b", node=""), pod("c")],     0, ["b"]),
}
# fmt: on


def actions(pods: list[Object], rs: Object | None = None) -> list[Action]:
    return list(replica_set_actions(rs or replica_set("web-1", 2), pods, suffixes=(f"x{n}" for n in count()), now=NOW))


@pytest.mark.parametrize(("pods", "made", "removed"), CASES.values(), ids=CASES)
def test_pods(pods: list[Object], made: int, removed: list[str]) -> None:
    got = actions(pods)

    assert [a.key.name for a in got if isinstance(a, Delete)] == removed
    assert len([a for a in got if isinstance(a, Put) and a.key.kind == "Pod"]) == made


def test_a_new_pod_belongs_to_its_replica_set() -> None:
    made = actions([])[0]
    assert isinstance(made, Put)

    assert (made.key.name, made.expected) == ("web-1-x0", 0)
    assert made.tree["metadata"]["ownerReferences"][0]["uid"] == "web-1"
    assert made.tree["metadata"]["labels"] == {"app": "web"}


def test_status_counts_pods_that_are_ready_for_long_enough() -> None:
    rs = replica_set("web-1", 2, minReadySeconds=60)
    got = actions([pod("a"), pod("b", since="2027-01-15T07:59:30Z")], rs)[-1]
    assert isinstance(got, Put)

    assert (got.tree["status"]["readyReplicas"], got.tree["status"]["availableReplicas"]) == (2, 1)
