"""The application of the agent's tests: HTTP with slow answers on one port, TCP that echoes on the next.

`/slow` answers after two seconds, `/health` 204 if asked with the header `x-probe: yes` (else 400), `/metrics` one
metric, any other path 200 with its own process id. Answers keep connections open.
"""

import asyncio
import os
import sys

HEAD = "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n"


async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            path = head.split()[1].decode()
            status, body = 200, f"{os.getpid()}\n"
            if path == "/slow":
                await asyncio.sleep(2)
            elif path == "/health":
                status, body = (204, "") if b"x-probe: yes" in head.lower() else (400, "")
            elif path == "/metrics":
                body = "app_requests_total 7\n# EOF\n"
            writer.write((HEAD.format(status=status, length=len(body)) + body).encode())
            await writer.drain()
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main() -> None:
    port = int(sys.argv[1])
    one = await asyncio.start_server(http, "0.0.0.0", port)
    two = await asyncio.start_server(echo, "0.0.0.0", port + 1)
    async with one, two:
        await asyncio.gather(one.serve_forever(), two.serve_forever())  # noqa: TID251 -- both live to the end


asyncio.run(main())
