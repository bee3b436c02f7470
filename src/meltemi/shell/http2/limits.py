"""What a peer may ask of us: sizes, and how much of what costs us and says nothing.

Place:  shell/http2 · connection asks [limits]; what bodies are kept at most, shell/rpc/kept says

The attacks have names: rapid reset (CVE-2023-44487), floods of settings, pings, empty frames and resets (CVE-2019-9512
to 9518), CONTINUATION without end (CVE-2024-27316).
"""

from meltemi.core.model.value import Value
from meltemi.shell.http2.frames import FIRST_WINDOW


class Limits(Value, frozen=True, kw_only=True):
    """Of one connection."""

    streams: int = 100
    """That are open at a time."""
    header_list: int = 64 << 10
    """Bytes of a request's headers, as they came and as HPACK counts them (RFC 9113, 6.5.2)."""
    window: int = FIRST_WINDOW
    """Bytes that a stream may send before somebody reads it. Not less than the protocol's own: a peer speaks before it
    has heard ours."""
    wide_window: int = 256 << 10
    """The same when somebody does, before he takes them."""
    connection_window: int = 1 << 20
    idle_frames: int = 10_000
    """Frames that carry nothing for a stream, at once; and a tenth of them each second. An Envoy that reads much sends
    a few hundred a second."""
    resets: int = 500
    """Streams that the peer gives up, or breaks a rule with, at once; and a tenth of them each second."""


class Budget:
    """So many at once, and a tenth of them each second."""

    def __init__(self, most: int) -> None:
        self._most = self._left = float(most)
        self._at: float | None = None

    def spend(self, now: float) -> bool:
        """One more; False where there are too many. `now` in seconds, never going back."""
        if self._at is None:
            self._at = now
        if self._left < 1:
            self._left = min(self._most, self._left + (now - self._at) * self._most / 10)
            self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
