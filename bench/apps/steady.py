"""A steady client, run inside a namespace: `python steady.py RATE SECONDS URL…`; prints milliseconds of each answer.

Requests are sent on time, over a few kept connections, whether or not earlier ones were answered (an open loop). Of
several URLs each is asked at the rate, by turns, so that whatever else the machine does falls on all of them.
"""

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

CONNECTIONS = 4


async def run(rate: float, seconds: float, urls: list[str]) -> list[list[float]]:
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(ask(u, rate, seconds, late=i / rate / len(urls))) for i, u in enumerate(urls)]
    return [one.result() for one in asked]


async def ask(url: str, rate: float, seconds: float, late: float) -> list[float]:
    """`late`: seconds after the others."""
    parts = urlsplit(url)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        idle.put_nowait(await asyncio.open_connection(parts.hostname, parts.port or 80))
    taken: list[float] = []

    async def one() -> None:
        start = time.perf_counter()
        reader, writer = await idle.get()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise ValueError(head.split(b"\r\n")[0])
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        idle.put_nowait((reader, writer))
        taken.append((time.perf_counter() - start) * 1000)

    start = time.perf_counter() + late
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
            tasks.create_task(one())
    return taken


if __name__ == "__main__":
    rate, seconds, *urls = sys.argv[1:]
    json.dump(asyncio.run(run(float(rate), float(seconds), urls)), sys.stdout)
