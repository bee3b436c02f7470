"""A container's log as `kubectl logs` asks for it.

Place:  runtime/kubelet_api · server → [logs] → STATE/pods/UID/logs, which sandboxes write (`TIME STREAM TEXT`)
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from io import BufferedReader
from pathlib import Path

from meltemi.core.model.value import Value

POLL = 0.1
"""Seconds between two looks at a log that is followed."""


class Wanted(Value, frozen=True, kw_only=True):
    """What is asked for: PodLogOptions."""

    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail: int | None = None
    since: str = ""
    """Lines before this time (as they begin) are left out; empty: none."""
    limit: int | None = None
    """Bytes."""


def wanted(query: Mapping[str, str], now: datetime) -> Wanted:
    """From a request's query. Raises ValueError."""
    since = query.get("sinceTime", "").removesuffix("Z")
    if seconds := query.get("sinceSeconds"):
        since = (now.astimezone(UTC) - timedelta(seconds=int(seconds))).strftime("%Y-%m-%dT%H:%M:%S")
    return Wanted(
        follow=_flag(query, "follow"), previous=_flag(query, "previous"), timestamps=_flag(query, "timestamps"),
        tail=_number(query, "tailLines"), since=since, limit=_number(query, "limitBytes"),
    )  # fmt: skip


async def read_log(file: Path, asked: Wanted, ended: Callable[[], bool]) -> AsyncIterator[bytes]:
    """The lines. `ended`: whether the container's life is over, after which nothing more is followed.

    Raises FileNotFoundError.
    """
    left = asked.limit
    async for line in _lines(file.with_suffix(".log.1") if asked.previous else file, asked, ended):
        stamp, _, rest = line.partition(b" ")
        if stamp.decode(errors="replace") < asked.since:
            continue
        text = rest.partition(b" ")[2]
        shown = stamp + b" " + text if asked.timestamps else text
        yield shown if left is None else shown[:left]
        if left is not None and (left := left - len(shown)) <= 0:
            return


async def _lines(file: Path, asked: Wanted, ended: Callable[[], bool]) -> AsyncIterator[bytes]:
    opened = file.open("rb")
    try:
        lines = opened.readlines()
        for line in lines if asked.tail is None else lines[len(lines) - min(asked.tail, len(lines)) :]:
            yield line
        while asked.follow and not asked.previous:
            over = ended()
            gone = not _same(opened, file)
            for line in opened.readlines():
                yield line
            if gone and not over:
                opened.close()
                opened = file.open("rb")
                continue
            if over:
                return
            await asyncio.sleep(POLL)
    except FileNotFoundError:
        return  # with its pod
    finally:
        opened.close()


def _same(opened: BufferedReader, file: Path) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(opened.fileno()))
    except FileNotFoundError:
        return False


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() in ("true", "1")


def _number(query: Mapping[str, str], name: str) -> int | None:
    return int(query[name]) if query.get(name) else None
