"""What has lost its owner or its namespace goes."""

from meltemi.core.node.garbage import default_accounts, garbage
from meltemi.core.node.objects import Object
from meltemi.core.node.plan import plan
from unit.node.objects import NOW, deployment, pod, replica_set, stored

SHOP = stored("Namespace", "shop", {}, namespace="")
ACCOUNT = stored("ServiceAccount", "default", {"metadata": {"ownerReferences": [{"uid": "shop"}]}}, namespace="shop")
IN_SHOP = stored("Service", "web", {}, namespace="shop")


def names(*objects: Object) -> set[str]:
    return {f"{key.kind} {key.name}" for key in garbage(objects)}


def test_with_its_owner_it_stays() -> None:
    assert names(deployment(), replica_set("web-1", 1), pod("a", owner="web-1"), pod("bare")) == set()


def test_without_its_owner_it_goes() -> None:
    assert names(replica_set("web-1", 1), pod("bare")) == {"ReplicaSet web-1"}


def test_everything_in_a_namespace_goes_with_it() -> None:
    assert names(ACCOUNT, IN_SHOP) == {"ServiceAccount default", "Service web"}
    assert names(SHOP, ACCOUNT, IN_SHOP) == set()


def test_the_account_goes_last() -> None:
    """It is what tells, also to a node that has just started, that the namespace is gone."""
    rounds = [(ACCOUNT, IN_SHOP), (ACCOUNT,)]

    planned = [plan(objects, node_name="n", suffixes=iter(()), now=NOW).actions for objects in rounds]

    assert [[a.key.kind for a in actions] for actions in planned] == [["Service"], ["ServiceAccount"]]


def test_nothing_is_made_for_what_goes() -> None:
    doomed = replica_set("web-1", 3)

    actions = plan([doomed], node_name="n", suffixes=iter(()), now=NOW).actions

    assert [a.key.name for a in actions] == ["web-1"]


def test_every_namespace_has_an_account() -> None:
    assert [a.key.namespace for a in default_accounts([SHOP])] == ["shop"]
    assert default_accounts([SHOP, ACCOUNT]) == []
