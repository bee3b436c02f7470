"""The wire format of protobuf, against the library's own."""

import pytest
from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st

from meltemi.shell import protobuf_wire as wire

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(name=TEXTS, dependencies=st.lists(TEXTS), numbers=st.integers(-(2**31), 2**31 - 1))
def test_both_read_what_the_other_writes(name: str, dependencies: list[str], numbers: int):
    option = descriptor_pb2.UninterpretedOption(identifier_value=name, negative_int_value=numbers)
    file = descriptor_pb2.FileDescriptorProto(name=name, dependency=dependencies)

    fields = wire.read(file.SerializeToString())
    assert (wire.text(fields, 1), wire.texts(fields, 3)) == (name, tuple(dependencies))
    fields = wire.read(option.SerializeToString())
    assert (wire.text(fields, 3), wire.number(fields, 5)) == (name, numbers)

    written = wire.write(1, name) + wire.messages(3, dependencies)
    assert descriptor_pb2.FileDescriptorProto.FromString(written).dependency == dependencies
    written = wire.write(3, name) + wire.write_number(5, numbers)
    assert descriptor_pb2.UninterpretedOption.FromString(written).negative_int_value == numbers


def test_fields_of_all_kinds_are_passed_over():
    odd = descriptor_pb2.UninterpretedOption(double_value=1.5, string_value=b"s", positive_int_value=2**63)

    fields = wire.read(odd.SerializeToString())

    assert wire.parts(fields, 7) == (b"s",)


def test_what_is_not_there_is_empty():
    assert wire.text({}, 1) == ""
    assert wire.number({}, 1) == 0
    assert wire.parts({}, 1) == ()


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05ab", b"\x0b", b"\xff" * 11, b"\x09\x01"])
def test_what_is_cut_off_is_a_value_error(data: bytes):
    with pytest.raises(ValueError):
        wire.read(data)


def test_a_field_of_another_kind_is_a_value_error():
    with pytest.raises(ValueError):
        wire.text(wire.read(wire.write_number(1, 5)), 1)
    with pytest.raises(ValueError):
        wire.number(wire.read(wire.write(1, "x")), 1)


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes):
    try:
        wire.read(data)
    except ValueError:
        return
