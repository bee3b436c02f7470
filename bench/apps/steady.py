"""A steady client, run inside a namespace: `python steady.py URL RATE SECONDS`; prints milliseconds of each answer.

Requests are sent on time, over a few kept connections, whether or not earlier ones were answered (an open loop).
"""

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

CONNECTIONS = 4


async def run(url: str, rate: float, seconds: float) -> list[float]:
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

    start = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
            tasks.create_task(one())
    return taken


if __name__ == "__main__":
    json.dump(asyncio.run(run(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))), sys.stdout)
