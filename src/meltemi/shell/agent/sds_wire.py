"""The messages of secret discovery, as far as the agent speaks them.

Place:  shell/agent · Envoy ⇄ [sds_wire] ⇄ secrets
Source: Envoy, api/envoy/service/discovery/v3/discovery.proto, extensions/transport_sockets/tls/v3/{secret,common}.proto
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from meltemi.shell.protobuf_wire import Fields, message, messages, parts, read, text, texts, write

TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What Envoy says, of either protocol."""

    nonce: str = ""
    """Of the response that it answers; empty in the first message."""
    error: str = ""
    """Why it refuses that response."""
    names: tuple[str, ...] = ()
    """All that it wants (state of the world), or what it wants besides (delta)."""
    unwanted: tuple[str, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict[str, str])
    """Delta: name → version, from an earlier stream."""


def read_full(data: bytes) -> Said:
    """A DiscoveryRequest. Raises ValueError."""
    said = read(data)
    return Said(nonce=text(said, 5), error=_error(said, 6), names=texts(said, 3))


def read_delta(data: bytes) -> Said:
    """A DeltaDiscoveryRequest. Raises ValueError."""
    said = read(data)
    held = [read(entry) for entry in parts(said, 5)]
    return Said(
        nonce=text(said, 6),
        error=_error(said, 7),
        names=texts(said, 3),
        unwanted=texts(said, 4),
        held={text(entry, 1): text(entry, 2) for entry in held},
    )


def write_full(bodies: Mapping[str, bytes], *, version: str, nonce: str) -> bytes:
    """A DiscoveryResponse with these secrets, by name."""
    listed = messages(2, map(_any, bodies.values()))
    return write(1, version) + listed + write(4, TYPE) + write(5, nonce)


def write_delta(bodies: Mapping[str, bytes], versions: Mapping[str, str], *, removed: list[str], nonce: str) -> bytes:
    """A DeltaDiscoveryResponse with these secrets, by name."""
    listed = (write(1, versions[name]) + message(2, _any(body)) + write(3, name) for name, body in bodies.items())
    return messages(2, listed) + write(4, TYPE) + write(5, nonce) + messages(6, removed)


def certificate(name: str, *, chain: bytes, key: bytes) -> bytes:
    """A Secret with a certificate and its key, both PEM."""
    return write(1, name) + message(2, message(1, _inline(chain)) + message(2, _inline(key)))


def authorities(name: str, roots: bytes) -> bytes:
    """A Secret with whom to trust, PEM."""
    return write(1, name) + message(4, message(1, _inline(roots)))


def _any(body: bytes) -> bytes:
    return write(1, TYPE) + write(2, body)


def _inline(data: bytes) -> bytes:
    """A DataSource."""
    return write(2, data)


def _error(said: Fields, number: int) -> str:
    """The message of a Status; a status without one is an error all the same."""
    found = parts(said, number)
    return (text(read(found[-1]), 2) or "no reason given") if found else ""
