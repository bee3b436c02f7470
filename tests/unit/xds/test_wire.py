"""Responses put together from cached bytes are what protobuf reads and writes."""

from envoy.service.discovery.v3 import discovery_pb2
from hypothesis import given
from hypothesis import strategies as st

from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.xds.events import Send
from meltemi.core.xds.recent import EACH, Recent
from meltemi.core.xds.wire import response

RESOURCES = st.builds(
    Resource,
    type=st.just(ResourceType.VIRTUAL_HOST),
    name=st.text(min_size=1, max_size=200),
    version=st.text(min_size=1, max_size=20),
    body=st.binary(max_size=300),
)


@given(resources=st.lists(RESOURCES, max_size=4), removed=st.lists(st.text(min_size=1), max_size=3))
def test_the_bytes_are_a_delta_discovery_response(resources: list[Resource], removed: list[str]) -> None:
    kind = ResourceType.VIRTUAL_HOST
    raw = response(Send(type=kind, nonce="7", resources=tuple(resources), removed=tuple(removed)))

    wanted = discovery_pb2.DeltaDiscoveryResponse(type_url=kind, nonce="7", removed_resources=removed)
    for one in resources:
        made = wanted.resources.add(name=one.name, version=one.version)
        made.resource.type_url, made.resource.value = kind, one.body
    assert discovery_pb2.DeltaDiscoveryResponse.FromString(raw) == wanted


def test_what_was_asked_for_is_answered_by_a_resource_without_a_body() -> None:
    kind = ResourceType.VIRTUAL_HOST
    raw = response(Send(type=kind, nonce="7", answered=("80/a", "81/b", "80/c")))

    wanted = discovery_pb2.DeltaDiscoveryResponse(type_url=kind, nonce="7")
    wanted.resources.add(name="80/none", version="7", aliases=["80/a", "80/c"])
    wanted.resources.add(name="81/none", version="7", aliases=["81/b"])
    assert discovery_pb2.DeltaDiscoveryResponse.FromString(raw) == wanted


def test_what_many_streams_are_sent_alike_is_joined_once_and_never_mixed_up() -> None:
    """More different responses than are kept, each asked for again after others took its place."""

    def sends(round_: int) -> list[Send]:
        kind = ResourceType.VIRTUAL_HOST
        return [
            Send(
                type=kind,
                nonce=f"{round_}",
                resources=tuple(
                    Resource(type=kind, name=f"{n}-{i}", version=f"{round_}", body=bytes([n])) for i in range(20)
                ),
            )
            for n in range(40)
        ]

    for round_ in range(3):
        for send in sends(round_):
            for _ in range(2):
                read = discovery_pb2.DeltaDiscoveryResponse.FromString(response(send))
                assert [(r.name, r.version, r.resource.value) for r in read.resources] == [
                    (r.name, r.version, r.body) for r in send.resources
                ]


def test_what_was_used_last_stays_within_the_weight() -> None:
    made: list[str] = []

    def make(name: str) -> str:
        made.append(name)
        return name

    recent: Recent[str, str] = Recent(6 + 2 * EACH, len)
    for name in ("aa", "bb", "aa", "cccc", "aa", "bb", "too much of it", "too much of it"):
        assert recent.get(name, lambda name=name: make(name)) == name
    assert made == ["aa", "bb", "cccc", "bb", "too much of it"]
