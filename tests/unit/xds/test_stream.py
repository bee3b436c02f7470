"""A stream makes before it breaks, sends what differs, and lets one bad resource hold up no other."""

from collections.abc import Iterable

from msgspec.structs import replace

from meltemi.core.model.document import Key, Origin
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.units import Seconds
from meltemi.core.xds.events import Accepted, Effect, Refused, Request, Send
from meltemi.core.xds.holdings import UNKNOWN_HOLD
from meltemi.core.xds.offer import Offer
from meltemi.core.xds.stream import MOST_UNANSWERED, Stream

CDS, EDS, LDS = ResourceType.CLUSTER, ResourceType.ENDPOINTS, ResourceType.LISTENER
RDS, VHDS = ResourceType.ROUTES, ResourceType.VIRTUAL_HOST


def made(kind: ResourceType, name: str, version: str = "1", needs: Iterable[str] = (), hold: float = 0.0) -> Resource:
    return Resource(
        type=kind, name=name, version=version, body=version.encode(), needs=frozenset(needs), hold=Seconds(hold)
    )


class Proxy:
    """The other side of a stream; answers only when it is told to."""

    def __init__(self, *resources: Resource) -> None:
        self.offer = Offer()
        self.offer.update(resources)
        self.stream = Stream(offer=self.offer)
        self.now = 0.0

    def ask(self, kind: ResourceType, *names: str, initial: dict[str, str] | None = None) -> list[Effect]:
        return self.stream.on_request(Request(type=kind, subscribe=names, initial=initial or {}), self.now)

    def leave(self, kind: ResourceType, *names: str) -> list[Effect]:
        return self.stream.on_request(Request(type=kind, unsubscribe=names), self.now)

    def answer(self, send: Effect, error: str = "") -> list[Effect]:
        assert isinstance(send, Send)
        return self.stream.on_request(Request(type=send.type, nonce=send.nonce, error=error), self.now)

    def change(self, *put: Resource, removed: Iterable[tuple[ResourceType, str]] = ()) -> list[Effect]:
        return self.stream.on_change(self.offer.update(put, removed), self.now)

    def accept_all(self, effects: list[Effect]) -> list[str]:
        """Acknowledge until nothing more is sent; returns what was sent, in order."""
        told: list[str] = []
        waiting = list(effects)
        for _ in range(100):
            if not waiting:
                return told
            one = waiting.pop(0)
            if isinstance(one, Send):
                told += names([one])
                waiting += self.answer(one)
        raise AssertionError("the stream does not come to rest")


def names(effects: Iterable[Effect]) -> list[str]:
    """What is sent; removals with a minus."""
    sends = [one for one in effects if isinstance(one, Send)]
    return [name for one in sends for name in (*(r.name for r in one.resources), *(f"-{r}" for r in one.removed))]


def connected(*resources: Resource) -> Proxy:
    """A proxy that holds all that it is offered, with the route table `80`."""
    proxy = Proxy(made(LDS, "l"), made(RDS, "80"), *resources)
    proxy.accept_all(proxy.ask(CDS, "*"))
    proxy.accept_all(proxy.ask(EDS, *(r.name for r in resources if r.type is EDS)))
    proxy.accept_all(proxy.ask(LDS, "*"))
    proxy.accept_all(proxy.ask(RDS, "80"))
    proxy.accept_all(proxy.ask(VHDS))
    return proxy


def test_a_route_waits_for_its_cluster_and_the_cluster_s_endpoints() -> None:
    proxy = connected()

    cluster, endpoints = proxy.change(made(CDS, "a"), made(EDS, "a"), made(VHDS, "80/h", needs=["a"]))
    assert [one.type for one in (cluster, endpoints) if isinstance(one, Send)] == [CDS, EDS]
    assert proxy.ask(EDS, "a") == []  # they are on their way
    assert names(proxy.answer(cluster)) == []
    assert names(proxy.answer(endpoints)) == ["80/h"]


def test_endpoints_wait_to_be_asked_for_while_an_envoy_starts() -> None:
    """Until it asks for listeners it may read a cluster and set it up later, and the endpoints would be lost."""
    proxy = Proxy(made(CDS, "a"), made(EDS, "a"))
    proxy.ask(EDS, "own")
    clusters = proxy.ask(CDS, "*")
    assert names(clusters) == ["a"]
    assert names(proxy.answer(clusters[0])) == []
    assert names(proxy.ask(EDS, "a")) == ["a"]


def test_endpoints_behind_a_cluster_that_is_refused_are_not_held() -> None:
    proxy = connected()
    cluster, endpoints = proxy.change(made(CDS, "a"), made(EDS, "a"))
    proxy.answer(cluster, "bad")
    proxy.answer(endpoints)  # it is acknowledged, but nothing took it
    assert proxy.stream.held(EDS) == {}

    mended = proxy.change(made(CDS, "a", "2"), made(VHDS, "80/h", needs=["a"]))
    assert names(mended) == ["a", "a"]
    assert names(proxy.answer(mended[0])) == []
    proxy.ask(EDS, "a")
    assert names(proxy.answer(mended[1])) == ["80/h"]


def test_a_cluster_stays_while_what_is_held_from_an_earlier_stream_may_name_it() -> None:
    """The proxy refuses what should take its place, however long that lasts."""
    proxy = Proxy(made(RDS, "80"), made(VHDS, "80/h", "2"))
    proxy.ask(CDS, "*", initial={"old": "1"})
    proxy.ask(RDS, "80", initial={"80": "1"})
    sent = proxy.ask(VHDS, initial={"80/h": "1"})
    proxy.answer(sent[0], "bad")
    assert proxy.stream.on_time(10 * UNKNOWN_HOLD) == []

    mended = proxy.change(made(VHDS, "80/h", "3"))
    proxy.now = 10 * UNKNOWN_HOLD
    assert names(proxy.answer(mended[0])) == ["-old"]


def test_a_cluster_goes_when_nothing_names_it_and_no_request_may_come_back() -> None:
    proxy = connected(made(CDS, "a"), made(CDS, "b"), made(VHDS, "80/h", needs=["a"], hold=5))

    moved = proxy.change(made(VHDS, "80/h", "2", needs=["b"]), removed=[(CDS, "a")])
    assert names(moved) == ["80/h"]
    assert names(proxy.answer(moved[0])) == []
    assert proxy.stream.wake_at == 5
    proxy.now = 5

    assert names(proxy.stream.on_time(5)) == ["-a"]


def test_a_cluster_that_comes_back_while_its_removal_is_under_way_is_waited_for() -> None:
    proxy = connected(made(CDS, "a"))
    removal = proxy.change(removed=[(CDS, "a")])
    assert names(removal) == ["-a"]

    back = proxy.change(made(CDS, "a"), made(VHDS, "80/h", needs=["a"]))
    assert names(back) == ["a"]
    assert names(proxy.answer(removal[0])) == []
    assert names(proxy.answer(back[0])) == ["80/h"]


def test_an_acknowledgement_from_before_a_removal_does_not_bring_a_cluster_back() -> None:
    proxy = connected()
    put = proxy.change(made(CDS, "a"))
    removal = proxy.change(removed=[(CDS, "a")])
    back = proxy.change(made(CDS, "a"), made(VHDS, "80/h", needs=["a"]))

    assert names(proxy.answer(put[0])) == []
    assert names(proxy.answer(removal[0])) == []
    assert names(proxy.answer(back[0])) == ["80/h"]


def test_endpoints_acknowledged_after_they_were_unsubscribed_are_not_held() -> None:
    proxy = connected(made(CDS, "a"), made(EDS, "a"))
    late = proxy.change(made(EDS, "a", "2"))
    proxy.leave(EDS, "a")
    proxy.answer(late[0])

    assert proxy.stream.held(EDS) == {}


def test_a_cluster_that_is_sent_again_brings_its_endpoints_again() -> None:
    proxy = connected(made(CDS, "a"), made(EDS, "a"))

    assert names(proxy.change(made(CDS, "a", "2"))) == ["a", "a"]


def test_one_bad_resource_of_many_is_found_and_the_others_go_on() -> None:
    proxy = connected()
    waiting = proxy.change(*(made(CDS, f"c{n}") for n in range(8)))
    refused: list[str] = []
    for _ in range(50):
        if not waiting:
            break
        one = waiting.pop(0)
        if isinstance(one, Refused):
            refused.append(one.resource.name)
        elif isinstance(one, Send):
            waiting += proxy.answer(one, "bad" if "c5" in names([one]) else "")

    assert refused == ["c5"]
    assert sorted(proxy.stream.held(CDS)) == [f"c{n}" for n in range(8) if n != 5]
    assert proxy.stream.current()
    assert names(proxy.stream.on_time(99)) == []


def test_what_was_refused_is_not_sent_again_until_it_changes() -> None:
    proxy = connected()
    proxy.answer(proxy.change(made(CDS, "a"))[0], "bad")

    assert proxy.stream.on_time(1) == []
    assert proxy.answer(proxy.change(made(CDS, "a", "2"))[0]) == [Accepted(type=CDS, name="a")]


def test_what_needs_a_refused_cluster_stays_as_it_was() -> None:
    proxy = connected(made(CDS, "a"), made(VHDS, "80/h", needs=["a"]))
    sent = proxy.change(made(CDS, "b"), made(VHDS, "80/h", "2", needs=["b"]))

    assert names(proxy.answer(sent[0], "bad")) == []
    assert proxy.stream.held(VHDS) == {"80/h": "1"}


def test_a_refused_removal_is_not_sent_for_ever() -> None:
    proxy = connected(made(VHDS, "80/h"))
    removal = proxy.change(removed=[(VHDS, "80/h")])

    assert names(proxy.answer(removal[0], "no")) == []


def test_a_cluster_that_is_not_offered_holds_up_nothing() -> None:
    assert names(connected().change(made(VHDS, "80/h", needs=["nowhere"]))) == ["80/h"]


def test_a_reconnecting_proxy_is_sent_the_difference_only() -> None:
    proxy = Proxy(made(CDS, "same"), made(CDS, "new"), made(CDS, "other", "2"))

    sent = proxy.ask(CDS, "*", initial={"same": "1", "other": "1", "gone": "1"})

    assert sorted(names(sent)) == ["new", "other"]
    assert names(proxy.stream.on_time(UNKNOWN_HOLD)) == ["-gone"]


def test_a_name_that_does_not_exist_is_answered_at_once() -> None:
    assert names(connected().ask(EDS, "nothing")) == ["-nothing"]


def test_a_table_without_hosts_is_answered_at_once_also_when_it_comes_later() -> None:
    proxy = connected()
    table = proxy.change(made(RDS, "81")) + proxy.ask(RDS, "81")

    assert names(table) == ["81"]
    assert names(proxy.answer(table[0])) == ["-81/none"]


def test_a_stale_nonce_says_nothing() -> None:
    proxy = connected()

    assert proxy.stream.on_request(Request(type=CDS, nonce="777", error="old"), 0) == []


def test_on_a_new_stream_a_cluster_stays_until_the_proxy_has_told_its_routes() -> None:
    proxy = Proxy()

    assert names(proxy.ask(CDS, "*", initial={"old": "1"})) == []


def test_a_cluster_changed_before_the_proxy_told_its_endpoints_gets_them_again() -> None:
    proxy = Proxy(made(CDS, "a", "2"), made(EDS, "a"))
    proxy.ask(CDS, "*", initial={"a": "1"})

    assert names(proxy.ask(EDS, "a", initial={"a": "1"})) == ["a"]


def test_what_a_refused_response_brought_in_part_is_removed_all_the_same() -> None:
    proxy = connected()
    sent = proxy.change(made(CDS, "good"), made(CDS, "bad"))
    proxy.change(removed=[(CDS, "good")])

    assert "-good" in names(proxy.answer(sent[0], "bad"))


def test_a_version_that_was_refused_stays_refused_when_an_older_answer_comes() -> None:
    proxy = connected()
    proxy.answer(proxy.change(made(CDS, "a", "bad"))[0], "bad")
    mended = proxy.change(made(CDS, "a", "2"))
    proxy.change(made(CDS, "a", "bad"))

    assert proxy.answer(mended[0]) == []
    assert proxy.stream.refused() == [(CDS, "a")]


def test_a_table_whose_hosts_all_name_refused_clusters_is_answered() -> None:
    proxy = connected()
    proxy.answer(proxy.change(made(CDS, "a"))[0], "bad")
    table = proxy.change(made(RDS, "81"), made(VHDS, "81/h", needs=["a"])) + proxy.ask(RDS, "81")

    assert names(proxy.answer(table[0])) == ["-81/none"]


def test_a_table_lost_and_back_brings_its_hosts_again() -> None:
    proxy = connected(made(VHDS, "80/h"))
    proxy.leave(RDS, "80")

    assert proxy.accept_all(proxy.ask(RDS, "80")) == ["80", "80/h"]


def test_another_offer_sends_the_difference() -> None:
    proxy = connected(made(CDS, "a"), made(CDS, "b"))
    other = Offer()
    other.update([made(LDS, "l"), made(RDS, "80"), made(CDS, "a"), made(CDS, "c")])

    assert sorted(names(proxy.stream.on_offer(other, 0))) == ["-b", "c"]


# === on demand ===


def on_demand(*resources: Resource, **answers: str) -> Proxy:
    """A proxy that asks for hosts of table 80 by name; `answers`: what is found already."""
    proxy = connected(*resources)
    proxy.offer.answer({f"80/{name}": to for name, to in answers.items()})
    return proxy


def answered(effects: Iterable[Effect]) -> list[str]:
    return [name for one in effects if isinstance(one, Send) for name in one.answered]


def test_a_name_is_answered_when_its_host_is_held() -> None:
    proxy = on_demand()
    assert proxy.ask(VHDS, "80/a:8080") == []  # it is being looked for

    found = proxy.offer.answer({"80/a": "80/a.ns:80"})
    put = proxy.offer.update([made(CDS, "a"), made(EDS, "a"), made(VHDS, "80/a.ns:80", needs=["a"])])
    put[VHDS] |= found
    first = proxy.stream.on_change(put, proxy.now)
    assert (names(first), answered(first)) == (["a", "a"], [])
    assert proxy.ask(EDS, "a") == proxy.answer(first[0]) == []
    second = proxy.answer(first[1])
    assert (names(second), answered(second)) == (["80/a.ns:80"], ["80/a:8080"])
    assert [proxy.answer(one) for one in second] == [[]]
    assert proxy.stream.is_at_rest()


def test_an_answer_in_a_response_that_is_refused_is_given_again() -> None:
    """One host may be bad, and nobody knows which of them the proxy has: the name goes with the half of its host."""
    proxy = on_demand()
    for name in ("80/a", "80/b", "80/c"):
        assert proxy.ask(VHDS, name) == []  # they are being looked for
    put = proxy.offer.update([made(VHDS, "80/a.ns:80"), made(VHDS, "80/b.ns:80")])
    put[VHDS] |= proxy.offer.answer({"80/a": "80/a.ns:80", "80/b": "80/b.ns:80", "80/c": "80/a.ns:80"})
    sent = proxy.stream.on_change(put, proxy.now)
    assert answered(sent) == ["80/a", "80/b", "80/c"]
    proxy.stream.on_request(Request(type=VHDS, unsubscribe=("80/c",)), proxy.now)

    halves = proxy.answer(sent[0], "bad")
    assert [(names([one]), answered([one])) for one in halves] == [
        (["80/a.ns:80"], ["80/a"]),
        (["80/b.ns:80"], ["80/b"]),
    ]
    assert proxy.answer(halves[0]) == []
    assert answered(proxy.answer(halves[1], "bad")) == ["80/b"]


def test_a_name_waits_for_a_host_that_is_on_its_way() -> None:
    proxy = on_demand(a="80/a.ns:80")
    sent = proxy.change(made(VHDS, "80/a.ns:80"))
    assert proxy.ask(VHDS, "80/a") == []

    assert answered(proxy.answer(sent[0])) == ["80/a"]


def test_a_name_of_what_is_held_already_is_answered_at_once() -> None:
    proxy = on_demand(made(VHDS, "80/a.ns:80"), a="80/a.ns:80")

    assert answered(proxy.ask(VHDS, "80/a")) == ["80/a"]
    assert answered(proxy.ask(VHDS, "80/a:80", "80/b")) == ["80/a:80"]


def test_a_name_in_a_table_that_has_gone_keeps_no_request_waiting() -> None:
    assert answered(on_demand().ask(VHDS, "81/a")) == ["81/a"]


def test_a_host_that_is_refused_keeps_no_request_waiting() -> None:
    proxy = on_demand(a="80/a.ns:80")
    sent = proxy.change(made(VHDS, "80/a.ns:80"))
    proxy.answer(sent[0], error="no")

    assert answered(proxy.ask(VHDS, "80/a")) == ["80/a"]


def test_what_is_no_host_and_who_holds_everything_are_answered_at_once() -> None:
    assert answered(on_demand().ask(VHDS, "80/*", "80/a b", "none")) == ["80/*", "80/a b", "none"]
    assert answered(connected(made(VHDS, "80/a")).ask(VHDS, "80/b")) == ["80/b"]


def test_who_is_given_everything_while_a_request_waits_has_it_before_the_answer() -> None:
    proxy = on_demand()
    assert proxy.ask(VHDS, "80/a") == []
    full = Offer()
    full.update([made(LDS, "l"), made(RDS, "80"), made(CDS, "a"), made(VHDS, "80/a", needs=["a"])])

    first = proxy.stream.on_offer(full, proxy.now)
    assert (names(first), answered(first)) == (["a"], [])
    second = proxy.answer(first[0])
    assert names(second) == ["80/a"]
    assert answered([*second, *proxy.answer(second[0])]) == ["80/a"]


def test_a_new_stream_answers_all_that_was_asked_for_on_the_old_one() -> None:
    proxy = on_demand(made(VHDS, "80/a.ns:80"), a="80/a.ns:80")
    again = Stream(offer=proxy.offer)
    again.on_request(Request(type=RDS, subscribe=("80",), initial={"80": "1"}), 0.0)

    initial = {"80/a.ns:80": "1", "80/none": "7"}
    told = again.on_request(Request(type=VHDS, subscribe=("*", "80/a", "80/a:80"), initial=initial), 0.0)

    assert answered(told) == ["80/a", "80/a:80"]
    assert names(told) == ["-80/none"]


def test_extensions_that_documents_shape_go_alone() -> None:
    """Sent again after a refusal they would be acknowledged: see docs/envoy.md."""
    kind = ResourceType.EXTENSION
    origin = (Origin(key=Key(group="", kind="K", namespace="n", name="d")),)
    shaped = [replace(made(kind, name), origin=origin) for name in ("b", "d")]
    proxy = Proxy(*shaped, made(kind, "a"), made(kind, "c"))

    sent = [names([one]) for one in proxy.ask(kind, "a", "b", "c", "d")]

    assert sorted(sent) == [["a", "c"], ["b"], ["d"]]


def test_who_answers_nothing_is_told_so_much_and_then_nothing_until_he_does() -> None:
    """Every version waits by its name alone, and of all that came meanwhile he gets the last."""
    proxy = connected()
    sent: list[Effect] = []
    for version in range(10 * MOST_UNANSWERED):
        sent += proxy.change(made(CDS, "a", f"v{version}"))
    assert len(sent) == MOST_UNANSWERED
    last = proxy.answer(sent[0])
    assert [one.resources[0].version for one in last if isinstance(one, Send)] == [f"v{10 * MOST_UNANSWERED - 1}"]
    for one in (*sent[1:], *last):
        assert proxy.answer(one) == []
    assert proxy.stream.held(CDS) == {"a": f"v{10 * MOST_UNANSWERED - 1}"}


def test_who_asks_without_end_and_answers_nothing_is_answered_so_often() -> None:
    proxy = on_demand()
    answers: list[Effect] = []
    for number in range(10 * MOST_UNANSWERED):
        answers += proxy.ask(VHDS, f"80/*{number}")  # no host is called so: each is answered at once, by nothing
    assert len(answers) == MOST_UNANSWERED
    (rest,) = proxy.answer(answers[0])
    assert len(answered([rest])) == 9 * MOST_UNANSWERED
