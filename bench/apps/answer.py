"""The smallest web server that keeps connections: `python answer.py PORT`."""

import asyncio
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(ANSWER)
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()


async def main() -> None:
    async with await asyncio.start_server(serve, "0.0.0.0", int(sys.argv[1])) as server:
        await server.serve_forever()


asyncio.run(main())
