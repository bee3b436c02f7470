"""Responses as bytes, put together from resources that are encoded once.

Place:  xds · Send → [wire] → servers/xds writes the bytes
Source: envoy/service/discovery/v3/discovery.proto, field numbers of DeltaDiscoveryResponse and Resource; the serialized
        form of a repeated field is the concatenation of its elements (Protocol Buffers, "Encoding").

Measured (../shared/design/xds-push.md): joining cached bytes takes an eighth of what building the message takes.
"""

from collections.abc import Iterator
from itertools import groupby

from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.xds.asked import NOTHING
from meltemi.core.xds.events import Send
from meltemi.core.xds.recent import Recent

_MOST_BYTES = 32 << 20
"""Of responses that are kept: about what a crowd of ten scopes with a thousand services is sent at once."""
_MOST_ENCODED = 24 << 20
"""Bytes of resources that are kept for the next response."""
_LEN = 2  # wire type of strings, bytes and messages


def response(send: Send) -> bytes:
    """The DeltaDiscoveryResponse. What many streams are sent is joined once, whatever their scopes."""
    return _SENT.get(send, lambda: _response(send))


_SENT: Recent[Send, bytes] = Recent(_MOST_BYTES, len)


def _response(send: Send) -> bytes:
    parts = [_joined(send.resources), *_answers(send)]
    parts.append(_text(4, send.type))
    parts.append(_text(5, send.nonce))
    parts += [_text(6, name) for name in send.removed]
    return b"".join(parts)


def _answers(send: Send) -> Iterator[bytes]:
    """One resource a table that has no body, only names that were asked for.

    Its version must differ from the one before, or Envoy takes it for a heartbeat and ignores it.
    """
    for table, names in groupby(sorted(send.answered), lambda name: name.partition("/")[0]):
        aliases = b"".join(_text(4, name) for name in names)
        yield _field(2, _text(1, send.nonce) + _text(3, f"{table}/{NOTHING}") + aliases)


def _joined(resources: tuple[Resource, ...]) -> bytes:
    return b"".join(_field(2, _resource(resource)) for resource in resources)


def _resource(resource: Resource) -> bytes:
    """The `Resource` message, encoded once for all streams."""
    key = resource.type, resource.name, resource.version, resource.body
    return _ENCODED.get(key, lambda: _encoded(resource))


_ENCODED: Recent[tuple[ResourceType, str, str, bytes], bytes] = Recent(_MOST_ENCODED, lambda one: 2 * len(one))


def _encoded(resource: Resource) -> bytes:
    packed = _text(1, resource.type) + _field(2, resource.body)
    return _text(1, resource.version) + _field(2, packed) + _text(3, resource.name)


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _LEN) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
