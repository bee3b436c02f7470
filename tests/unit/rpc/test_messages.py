"""Messages within a body, however it is cut; statuses as they are written."""

from contextlib import suppress
from urllib.parse import unquote

import hypothesis.strategies as st
import pytest
from hypothesis import given

from meltemi.shell.rpc.messages import Messages, prefix
from meltemi.shell.rpc.status import Refused, Status, percent_encoded, trailers


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 400))
def test_messages_come_out_as_they_went_in(sent: list[bytes], size: int):
    data, reading, got = b"".join(prefix(one) + one for one in sent), Messages(1000), list[bytes]()
    for at in range(0, len(data), size):
        got += reading.read(data[at : at + size])
        assert reading.begun <= 1000 + 5
    assert got == sent
    assert not reading.begun


@given(st.binary(min_size=1, max_size=400))
def test_random_bytes_are_messages_or_refused(data: bytes):
    reading, whole = Messages(100), 0
    with suppress(Refused):
        for message in reading.read(data):
            whole += len(message) + 5
            assert len(message) <= 100
        assert whole + reading.begun == len(data)


def test_too_large_is_said_before_it_has_come():
    with pytest.raises(Refused, match="16777217 bytes; 16777216 are"):
        list(Messages(16 << 20).read(b"\0\1\0\0\1"))


@given(st.text())
def test_messages_of_statuses(text: str):
    said = percent_encoded(text)
    assert said.isascii()
    assert said.isprintable()
    assert len(said) <= 4096
    if len(said) < 4000:
        assert unquote(said, errors="replace") == text.encode(errors="replace").decode()


def test_a_long_message_is_cut():
    assert len(percent_encoded("é" * 100_000)) <= 4096
    assert trailers(Status.OK, "") == [("grpc-status", "0")]
