"""A message as something to lay over another one that is only known as JSON: what Envoy starts with.

Place:  messages/read → [messages/overlay] → pipeline/bootstrap; the agent lays it over (shell/agent/overlay)
Source: Protocol Buffers, "ProtoJSON format", names as in the proto file; of a oneof the last that is written counts
"""

from typing import Any, cast

from google.protobuf import json_format
from google.protobuf.message import Message

Json = dict[str, Any]


def overlay(message: Message) -> Json:
    """What the message says; null for what it takes the place of: the other members of a oneof."""
    tree = json_format.MessageToDict(message, preserving_proto_field_name=True)
    _void(message, tree)
    return tree


def _void(message: Message, tree: Json) -> None:
    for oneof in message.DESCRIPTOR.oneofs:
        chosen = message.WhichOneof(oneof.name)
        tree.update({field.name: None for field in oneof.fields if chosen and field.name != chosen})
    for field, value in message.ListFields():
        inside = tree[field.name]
        if isinstance(value, Message) and isinstance(inside, dict) and "@type" not in inside:
            _void(value, cast("Json", inside))
