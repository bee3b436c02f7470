"""What is heard twice, late or in another order changes nothing; what is forgotten is told anew."""

from collections.abc import Sequence

from meltemi.core.model.document import Key
from meltemi.core.model.kinds import Kind, kind_of
from meltemi.core.model.source import Source
from meltemi.ports.store import Change, ChangeKind, Stored
from meltemi.shell.stores.kube.cache import KEEP, Cache

GROUP = "networking.istio.io"


def kind(name: str) -> Kind:
    found = kind_of(GROUP, name)
    assert found
    return found


RULES, GATEWAYS = kind("VirtualService"), kind("Gateway")


def made(name: str, revision: int, of: Kind = RULES) -> Stored:
    return Stored(key=Key(group=GROUP, kind=of.kind, namespace="default", name=name), revision=revision, body=b"{}")


def cache(*, rules: Sequence[Stored] = (), at: int = 10) -> tuple[Cache, list[Change]]:
    noted: list[Change] = []
    made = Cache([RULES, GATEWAYS], source_of=lambda key: Source(), noted=noted.append)
    made.listed(RULES, rules, at)
    made.listed(GATEWAYS, (), at)
    noted.clear()
    return made, noted


def said(noted: Sequence[Change]) -> list[tuple[str, str, int]]:
    return [(change.kind.value, change.object.key.name, change.object.revision) for change in noted]


def test_nothing_is_told_twice() -> None:
    heard, noted = cache()
    for _ in range(2):
        heard.heard(RULES, ChangeKind.PUT, made("a", 11))
        heard.heard(RULES, ChangeKind.DELETE, made("b", 12))

    assert said(noted) == [("put", "a", 11), ("delete", "b", 12)]


def test_late_news_of_an_object_is_no_news() -> None:
    heard, noted = cache()
    heard.heard(RULES, ChangeKind.PUT, made("a", 12))
    heard.heard(RULES, ChangeKind.PUT, made("a", 11))
    heard.heard(RULES, ChangeKind.DELETE, made("a", 14))
    heard.heard(RULES, ChangeKind.PUT, made("a", 13))

    assert said(noted) == [("put", "a", 12), ("delete", "a", 14)]
    assert not heard.objects


def test_late_news_of_another_object_counts() -> None:
    heard, noted = cache()
    heard.heard(RULES, ChangeKind.PUT, made("a", 12))
    heard.heard(RULES, ChangeKind.PUT, made("b", 11))

    assert said(noted) == [("put", "a", 12), ("put", "b", 11)]


def test_a_new_list_tells_what_is_different() -> None:
    heard, noted = cache(rules=[made("same", 1), made("changed", 2), made("gone", 3)])
    heard.listed(RULES, [made("same", 1), made("changed", 15), made("new", 16)], 20)

    assert said(noted) == [("delete", "gone", 20), ("put", "changed", 15), ("put", "new", 16)]


def test_there_is_one_order_of_all_kinds() -> None:
    heard, _ = cache()
    heard.heard(RULES, ChangeKind.PUT, made("a", 15))
    heard.heard(GATEWAYS, ChangeKind.PUT, made("late", 12, GATEWAYS))
    heard.heard(RULES, ChangeKind.PUT, made("b", 20))

    assert [number for number, _ in heard.since(10, 100)] == [15, 16, 20]


def test_an_object_says_by_which_number_it_is_told() -> None:
    heard, _ = cache()
    heard.heard(RULES, ChangeKind.PUT, made("a", 15))
    heard.heard(GATEWAYS, ChangeKind.PUT, made("late", 12, GATEWAYS))

    assert [heard.objects[made(name, 0, of).key].told for name, of in (("a", RULES), ("late", GATEWAYS))] == [15, 16]


def test_who_goes_on_misses_nothing_that_came_late() -> None:
    heard, _ = cache()
    heard.heard(RULES, ChangeKind.PUT, made("a", 15))
    seen = heard.newest
    heard.heard(GATEWAYS, ChangeKind.PUT, made("late", 12, GATEWAYS))

    assert heard.known(seen)
    assert said([change for _, change in heard.since(seen, 100)]) == [("put", "late", 12)]


def test_who_stands_before_the_log_begins_anew() -> None:
    heard, _ = cache()
    for number in range(KEEP + 1):
        heard.heard(RULES, ChangeKind.PUT, made("a", 11 + number))

    assert not heard.known(10)
    assert heard.known(11 + KEEP)
    assert not heard.known(12 + KEEP)


def test_a_list_is_what_was_heard_last() -> None:
    heard, _ = cache(rules=[made("gone", 5), made("kept", 6)])
    heard.heard(RULES, ChangeKind.DELETE, made("gone", 13))
    stranger = kind_of("", "Pod")
    assert stranger

    assert [one.key.name for one in heard.listed_of(RULES, "") or ()] == ["kept"]
    assert heard.listed_of(RULES, "elsewhere") == []
    assert heard.listed_of(stranger, "") is None


def test_a_server_with_another_history_voids_all() -> None:
    heard, noted = cache(rules=[made("a", 9)])
    before = heard.epoch
    heard.listed(RULES, [made("a", 3)], 4)

    assert heard.epoch == before + 1
    assert said(noted) == [("put", "a", 3)]
    assert not heard.known(10)


def test_a_kind_that_is_not_served_keeps_nobody_waiting() -> None:
    noted: list[Change] = []
    heard = Cache([RULES, GATEWAYS], source_of=lambda key: Source(), noted=noted.append)
    heard.listed(RULES, [made("a", 5)], 7)
    heard.listed(GATEWAYS, (), 0)

    assert heard.complete
    assert heard.newest >= 7
