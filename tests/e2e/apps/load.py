"""A steady client: so many requests a second over kept connections, each answer looked at.

Run inside a pod: `python load.py URL RATE SECONDS [HEADER:VALUE …]`; prints one JSON object:
{"sent": n, "ok": n, "bodies": {...}, "failures": [[seconds, status or problem], …]}. SIGTERM ends it early.
"""

import asyncio
import json
import signal
import sys
from collections import Counter
from urllib.parse import urlsplit

CONNECTIONS = 8
UNDER_WAY = 100
"""Requests at a time: on a machine that cannot keep up, fewer are sent, and none waits until it fails."""
LIMIT = 15.0


class Load:
    """Counts what came back."""

    def __init__(self, url: str, headers: list[str]) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        lines = [f"GET {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", *headers]
        self.request = ("\r\n".join(lines) + "\r\n\r\n").encode()
        self.sent = 0
        self.bodies: Counter[str] = Counter()
        self.failures: list[tuple[float, str]] = []
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def one(self, at: float) -> None:
        self.sent += 1
        try:
            async with asyncio.timeout(LIMIT):
                status, body = await self._exchange()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as problem:
            self.failures.append((round(at, 3), repr(problem)))
            return
        if status == 200:
            self.bodies[body[:200]] += 1
        else:
            self.failures.append((round(at, 3), f"{status} {body[:80]}"))

    async def _exchange(self) -> tuple[int, str]:
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection(self.host, self.port)
        writer.write(self.request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        if headers.get("transfer-encoding") == "chunked":
            body = await _chunks(reader)
        else:
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close" or len(self.idle) >= CONNECTIONS:
            writer.close()
        else:
            self.idle.append((reader, writer))
        return int(head[0].split()[1]), body.decode(errors="replace")


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body


async def run(load: Load, rate: float, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    places = asyncio.Semaphore(UNDER_WAY)
    start = loop.time()

    async def one() -> None:
        try:
            await load.one(loop.time() - start)
        finally:
            places.release()

    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * seconds)):
            if stop.is_set():
                break
            await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
            await places.acquire()
            tasks.create_task(one())


def main() -> None:
    url, rate, seconds, *headers = sys.argv[1:]
    load = Load(url, headers)
    asyncio.run(run(load, float(rate), float(seconds)))
    ok = sum(load.bodies.values())
    print(json.dumps({"sent": load.sent, "ok": ok, "bodies": load.bodies, "failures": load.failures}))


if __name__ == "__main__":
    main()
