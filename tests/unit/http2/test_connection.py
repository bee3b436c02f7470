"""The machine of a connection, by values: what h2spec does not ask, limits and windows among it."""

from collections.abc import Sequence

import pytest

from meltemi.shell.http2 import frames as wire
from meltemi.shell.http2.connection import Connection
from meltemi.shell.http2.events import Closed, Data, Ended, Event, Opened, Reset, Roomier
from meltemi.shell.http2.frames import Code, Frame, Kind, Setting
from meltemi.shell.http2.headers import block
from meltemi.shell.http2.limits import Budget, Limits

REQUEST = block([(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), ("te", "trailers")])
LIMITS = Limits(streams=3, idle_frames=100, resets=10, window=1000, connection_window=100_000, header_list=2000)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return wire.head(len(payload), kind, flags, stream) + payload


def opened(limits: Limits = LIMITS, *streams: int) -> Connection:
    """A connection whose peer has said its greeting, and has opened these."""
    connection = Connection(limits)
    connection.receive(wire.PREFACE + wire.settings_frame([]), 1)
    for stream in streams:
        connection.receive(wire.headers_frame(stream, REQUEST, end=False), 1)
    connection.take()
    return connection


def answers(connection: Connection) -> list[Frame]:
    return list(wire.Frames().read(connection.take()))


def closed(events: Sequence[Event]) -> Code | None:
    return events[-1].code if events and isinstance(events[-1], Closed) else None


# fmt: off
FLOODS = {
    "settings": wire.settings_frame([]),
    "pings":                wire.ping_frame(b"12345678", ack=False),
    "acknowledgements":     wire.ping_frame(b"12345678", ack=True),
    "empty data":           frame(Kind.DATA, 0, 1),
    "priorities":           frame(Kind.PRIORITY, 0, 3, b"\0\0\0\0\1"),
    "windows":              wire.window_frame(1, 1),
    "frames nobody knows":  frame(99, 0, 1, b"?"),
    "resets":               wire.reset_frame(1, Code.CANCEL),
    "requests on a stream that we have reset": frame(Kind.HEADERS, 5, 1, REQUEST),
    "data on a stream that we have reset": frame(Kind.DATA, 0, 1, b"x"),
}
# fmt: on


@pytest.mark.parametrize("one", FLOODS.values(), ids=FLOODS)
def test_attack_flood(one: bytes):
    connection = opened(LIMITS, 1)
    if one[3] in (Kind.HEADERS, Kind.DATA) and len(one) > wire.HEAD:
        connection.reset(1, Code.CANCEL)
    events: list[Event] = []
    for _ in range(LIMITS.idle_frames + 1):
        events += connection.receive(one, 1)
    assert closed(events) is Code.ENHANCE_YOUR_CALM
    assert answers(connection)[-1].kind == Kind.GOAWAY


@pytest.mark.parametrize("name", ["settings", "pings", "windows"])
def test_the_same_frames_slowly_are_no_flood(name: str):
    connection = opened(LIMITS, 1)
    for second in range(1, 400):
        assert closed(connection.receive(FLOODS[name], second)) is None


def test_attack_rapid_reset():
    """CVE-2023-44487: streams are opened and given up at once."""
    connection = opened()
    events: list[Event] = []
    for at in range(LIMITS.resets + 1):
        stream = 2 * at + 1
        events += connection.receive(
            wire.headers_frame(stream, REQUEST, end=False) + wire.reset_frame(stream, Code.CANCEL), 1
        )
    assert closed(events) is Code.ENHANCE_YOUR_CALM
    assert sum(isinstance(one, Opened) for one in events) == LIMITS.resets + 1


def test_attack_requests_that_break_a_rule():
    connection, events = opened(), list[Event]()
    for at in range(LIMITS.resets + 1):
        events += connection.receive(wire.headers_frame(2 * at + 1, block([(":path", "/")]), end=True), 1)
    assert [closed(events)] == [Code.ENHANCE_YOUR_CALM]


@pytest.mark.parametrize("size", [0, 500])
def test_attack_continuation_without_end(size: int):
    """CVE-2024-27316."""
    connection = opened()
    events = connection.receive(frame(Kind.HEADERS, 0, 1, REQUEST), 1)
    for _ in range(LIMITS.idle_frames + 1):
        events += connection.receive(frame(Kind.CONTINUATION, 0, 1, b"\0" * size), 1)
    assert [closed(events)] == [Code.ENHANCE_YOUR_CALM]


def test_attack_headers_that_are_small_on_the_wire():
    """One entry of the table, named again and again."""
    big = b"\x40\x01a\x7f\x81\x02" + b"v" * 384  # literal, kept: a name and 384 bytes
    connection = opened()
    events = connection.receive(wire.headers_frame(1, REQUEST + big + b"\xbe" * 100, end=True), 1)
    assert closed(events) is Code.ENHANCE_YOUR_CALM


def test_streams_beyond_the_limit_are_refused_and_the_others_go_on():
    connection = opened(LIMITS, 1, 3, 5)
    assert connection.receive(wire.headers_frame(7, REQUEST, end=False), 1) == []
    assert [(one.kind, one.stream, wire.number(one.payload)) for one in answers(connection)] == [
        (Kind.RST_STREAM, 7, Code.REFUSED_STREAM)
    ]
    assert connection.receive(frame(Kind.DATA, 1, 5, b"x"), 1) == [Data(5, b"x"), Ended(5)]


def test_who_sends_more_than_its_window_loses_the_stream_and_is_told_when_it_may_send_more():
    connection = opened(LIMITS, 1, 3)
    assert connection.receive(frame(Kind.DATA, 0, 1, bytes(1000)), 1) == [Data(1, bytes(1000))]
    connection.took(1, 400)
    assert answers(connection) == []  # told now and then only
    connection.took(1, 600)
    assert [(one.stream, wire.number(one.payload)) for one in answers(connection)] == [(1, 1000)]
    assert connection.receive(frame(Kind.DATA, 0, 1, bytes(1000)), 1) == [Data(1, bytes(1000))]
    assert connection.receive(frame(Kind.DATA, 0, 1, b"x"), 1) == [Reset(1, Code.FLOW_CONTROL_ERROR)]
    assert connection.receive(frame(Kind.DATA, 0, 3, b"x"), 1) == [Data(3, b"x")]


def test_the_connections_window_is_given_back_and_padding_with_it():
    connection = opened(Limits(window=1 << 20, connection_window=65_535), 1)
    padded = frame(Kind.DATA, wire.PADDED, 1, b"\xff" + b"d" * 9_000 + bytes(255))
    told = 0
    for _ in range(20):
        assert connection.receive(padded, 1) == [Data(1, b"d" * 9_000)]
        told += sum(wire.number(one.payload) for one in answers(connection) if one.stream == 0)
    assert 20 * 9256 - 65_535 < told <= 20 * 9256


def test_room_is_the_smaller_window_and_changes_with_settings():
    connection = opened(LIMITS, 1)
    assert connection.room(1) == wire.FIRST_WINDOW
    connection.spend(1, 60_000)
    assert connection.receive(wire.settings_frame([(Setting.INITIAL_WINDOW_SIZE, 100)]), 1) == [Roomier(0)]
    assert connection.room(1) == 0  # below nothing, even
    assert connection.receive(wire.window_frame(1, 60_000), 1) == [Roomier(1)]
    assert connection.room(1) == 100
    connection.receive(wire.window_frame(1, 1 << 20) + wire.window_frame(0, 1000), 1)
    assert connection.room(1) == wire.FIRST_WINDOW - 60_000 + 1000


def test_who_goes_on_after_the_answer_is_told_then_and_what_was_on_its_way_is_ignored():
    connection = opened(LIMITS, 1)
    connection.end(1, REQUEST)
    assert [one.kind for one in answers(connection)] == [Kind.HEADERS]
    assert connection.receive(frame(Kind.DATA, 0, 1, b"x"), 1) == []
    assert [(one.kind, wire.number(one.payload)) for one in answers(connection)] == [(Kind.RST_STREAM, Code.NO_ERROR)]
    late = frame(Kind.DATA, 0, 1, b"x") + wire.window_frame(1, 5) + wire.reset_frame(1, Code.CANCEL)
    assert connection.receive(late, 1) == []
    assert answers(connection) == []


@pytest.mark.parametrize("last", [frame(Kind.DATA, 1, 1, b"x"), wire.reset_frame(1, Code.NO_ERROR)])
def test_who_ends_after_the_answer_makes_room_for_others(last: bytes):
    connection = opened(LIMITS, 1, 3, 5)
    connection.end(1, REQUEST)
    events = connection.receive(last + wire.headers_frame(7, REQUEST, end=False), 1)
    assert [one.stream for one in events if isinstance(one, Opened)] == [7]


def test_leaving_takes_what_is_on_its_way_and_going_away_refuses_it():
    connection = opened(LIMITS, 1)
    connection.announce_leaving()
    assert connection.receive(wire.headers_frame(3, REQUEST, end=False), 1) != []
    connection.go_away()
    assert connection.receive(wire.headers_frame(5, REQUEST, end=False), 1) == []
    said = answers(connection)
    assert [(one.kind, one.stream) for one in said] == [(Kind.GOAWAY, 0), (Kind.GOAWAY, 0), (Kind.RST_STREAM, 5)]
    assert [wire.number(one.payload) for one in said] == [wire.LAST_STREAM, 3, Code.REFUSED_STREAM]


def test_a_budget_comes_back_by_a_tenth_each_second():
    budget = Budget(10)
    assert [budget.spend(5) for _ in range(11)] == [True] * 10 + [False]
    assert [budget.spend(7) for _ in range(3)] == [True, True, False]
    assert [budget.spend(1000) for _ in range(11)] == [True] * 10 + [False]
