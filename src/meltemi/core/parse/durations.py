"""Durations as Istio's files write them: `1h30m`, `0.5s`, `100ms`.

Place:  [parse/durations] → parse/decode
Source: Go, time.ParseDuration, which protobuf's JSON mapping in Istio uses; `10s` is the form of protobuf itself.
"""

import re

from meltemi.core.model.units import Seconds

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(h|ms|m|us|µs|μs|ns|s)")
_LONGEST = 9_223_372_036.0
"""Seconds in 2^63 ns, about 292 years."""
_MAX_CHARACTERS = 64


def duration(text: str) -> Seconds | None:
    """The time span that a text names, which may be negative; None where it names none."""
    if len(text) > _MAX_CHARACTERS:
        return None
    sign = -1.0 if text.startswith("-") else 1.0
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return Seconds(0.0)
    parts = _PART.findall(rest)
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        return None
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return Seconds(sign * total) if total < _LONGEST else None
