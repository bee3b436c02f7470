"""Answers made to order: a status, a delay, so many bytes.

Place:  samples/httpbin · Asked → Reply, called by __main__
"""

import json
import random
import time
import uuid as uuids
from base64 import b64decode
from collections.abc import Iterator

from meltemi.samples.httpbin import echo
from meltemi.samples.httpbin.asked import Asked
from meltemi.samples.server import Reply

LONGEST = 10.0
"""Seconds that a request may last by its own wish."""
MOST_BYTES = 100 * 1024
MOST_LINES = 100
_UNITS = {"ms": 0.001, "us": 0.000001, "s": 1.0, "m": 60.0}
_REDIRECT = {"Location": "/redirect/1"}
_SPECIAL: dict[int, dict[str, str]] = {
    **dict.fromkeys((301, 302, 303, 305, 307), _REDIRECT),
    401: {"WWW-Authenticate": 'Basic realm="Fake Realm"'},
    407: {"Proxy-Authenticate": 'Basic realm="Fake Realm"'},
    418: {"X-More-Info": "http://tools.ietf.org/html/rfc2324"},
}


def bad(problem: object) -> Reply:
    """The answer to a request that says what cannot be done."""
    return Reply({"status_code": 400, "error": "Bad Request", "detail": str(problem)}, 400)


def status(asked: Asked, wanted: str) -> Reply:
    """/status/CODE, or /status/CODE[:WEIGHT],…: one of them by chance."""
    pairs = [one.partition(":") for one in wanted.split(",")]
    codes, weights = [int(code) for code, _, _ in pairs], [float(weight or 1) for _, _, weight in pairs]
    code = random.choices(codes, weights)[0]  # noqa: S311  (chance, no secret)
    if not 200 <= code <= 599:
        raise ValueError(f"invalid status code: {code} not in range [200, 599]")
    teapot = "-=[ teapot ]=-\n" if asked.plain else "I'm a teapot!"
    return Reply(teapot if code == 418 else "", code, "text/plain; charset=utf-8", _SPECIAL.get(code))


def delay(asked: Asked, wanted: str) -> Reply:
    """/delay/SECONDS, also `500ms` and `1.5s`."""
    seconds = duration(wanted)
    if seconds > LONGEST and not asked.plain:
        raise ValueError(f"invalid duration: {wanted} longer than {LONGEST:g}s")
    time.sleep(min(seconds, LONGEST))
    return echo.whole(asked)


def duration(text: str) -> float:
    """Seconds of a number with or without a unit. Raises ValueError."""
    unit = next((one for one in _UNITS if text.endswith(one)), "")
    seconds = float(text.removesuffix(unit)) * _UNITS.get(unit, 1.0)
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"invalid duration: {text}")
    return seconds


def some_bytes(asked: Asked, wanted: str, *, in_pieces: bool = False) -> Reply:
    """/bytes/N and /stream-bytes/N: random, the same for the same `seed`."""
    seed = asked.first("seed")
    made = random.Random(seed or None).randbytes(_bounded(wanted, 0, MOST_BYTES))  # noqa: S311  (test data)
    size = _bounded(asked.first("chunk_size", "10240"), 1, MOST_BYTES)
    pieces = (made[at : at + size] for at in range(0, len(made), size))
    return Reply(pieces if in_pieces else made, content_type="application/octet-stream")


def stream(asked: Asked, wanted: str) -> Reply:
    """/stream/N: so many lines of JSON."""
    said = asked.bare()
    lines = (json.dumps({"id": at, **said}).encode() + b"\n" for at in range(_bounded(wanted, 1, MOST_LINES)))
    return Reply(lines, content_type="application/json")


def drip(asked: Asked) -> Reply:
    """/drip?duration=&numbytes=&delay=&code=: bytes spread over a time."""
    lasts, before = duration(asked.first("duration", "2")), duration(asked.first("delay", "0"))
    if lasts + before > LONGEST:
        raise ValueError(f"too much time: longer than {LONGEST:g}s")
    count = _bounded(asked.first("numbytes", "10"), 1, MOST_BYTES)
    time.sleep(before)
    code = _bounded(asked.first("code", "200"), 200, 599)
    return Reply(_drops(count, lasts / max(count - 1, 1)), code, "application/octet-stream")


def _drops(count: int, pause: float) -> Iterator[bytes]:
    for at in range(count):
        if at:
            time.sleep(pause)
        yield b"*"


def _bounded(text: str, least: int, most: int) -> int:
    return max(least, min(int(text), most))


def uuid(_asked: Asked) -> Reply:
    return Reply({"uuid": str(uuids.uuid4())})


def base64(_asked: Asked, text: str) -> Reply:
    """/base64/TEXT: what the text stands for."""
    decoded = b64decode(text.removeprefix("decode/"), altchars=b"-_", validate=True)
    return Reply(decoded, content_type="text/plain")
