"""The messages of `proto.EchoTestService`: the fields that this program knows, under their numbers.

Place:  samples/grpc_echo
"""

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

SERVICE = "proto.EchoTestService"
MANY = Field.LABEL_REPEATED
ONE = Field.LABEL_OPTIONAL
# fmt: off
MESSAGES: dict[str, tuple[tuple[str, int, Field.Type.ValueType, Field.Label.ValueType], ...]] = {
    "EchoRequest":         (("message", 1, Field.TYPE_STRING, ONE),),
    "EchoResponse":        (("message", 1, Field.TYPE_STRING, ONE),),
    "Header":              (("key", 1, Field.TYPE_STRING, ONE), ("value", 2, Field.TYPE_STRING, ONE)),
    "ForwardEchoRequest":  (("count", 1, Field.TYPE_INT32, ONE), ("timeout_micros", 3, Field.TYPE_INT64, ONE),
                            ("url", 4, Field.TYPE_STRING, ONE), ("headers", 5, Field.TYPE_MESSAGE, MANY),
                            ("message", 6, Field.TYPE_STRING, ONE), ("method", 9, Field.TYPE_STRING, ONE)),
    "ForwardEchoResponse": (("output", 1, Field.TYPE_STRING, MANY),),
}
# fmt: on


def _file() -> FileDescriptorProto:
    file = FileDescriptorProto(name="meltemi/samples/echo.proto", package="proto", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, label in fields:
            # The only message within a message.
            inner = ".proto.Header" if kind == Field.TYPE_MESSAGE else None
            message.field.add(name=field, number=number, type=kind, label=label, type_name=inner)
    return file


_POOL = DescriptorPool()
_POOL.Add(_file())  # pyright: ignore[reportUnknownMemberType]  (the stubs leave it open)


def message(name: str) -> Any:
    """The class of a message. Raises KeyError for an unknown name."""
    return GetMessageClass(_POOL.FindMessageTypeByName(f"proto.{name}"))
