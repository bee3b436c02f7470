"""Carry connections from the host's 127.0.0.1 to the ingress gateway and to the API server, for a mesh without root.

Place:  apps · started by the supervisor; sockets opened outside → [relay] → the ports inside

The node's rules lead the gateway's port to the gateway's pods, so this needs neither node nor control plane to live.
"""

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import click

from meltemi.core.node.settings import NodeSettings
from meltemi.shell.runtime.settings import read_settings

CHUNK = 65_536
"""Bytes that are carried at a time; what is under way is bounded by it and the sockets' buffers."""


async def serve(door: socket.socket, host: str, port: int) -> None:
    """Accept on a listening socket until cancelled; `host` and `port`: of this network."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection(host, port)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_copy(reader, there_writer))
                tasks.create_task(_copy(there_reader, writer))
        writer.close()

    async with await asyncio.start_server(carry, sock=door) as server:
        await server.serve_forever()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Until the end of what one side says; the other side may go on."""
    with contextlib.suppress(OSError):
        while chunk := await source.read(CHUNK):
            target.write(chunk)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()
            return
    target.close()


@click.command(help=__doc__)
@click.option("--state", type=click.Path(path_type=Path), required=True)
@click.option("--door", type=int, required=True, help="number of the gateway's listening socket that was inherited")
@click.option("--kube-door", type=int, help="the same of the API server")
def main(state: Path, door: int, kube_door: int | None) -> None:
    """Entry point of `python -m meltemi.apps.relay`."""
    os.environ["MELTEMI_STATE"] = str(state)
    asyncio.run(_serve_all(read_settings(state), door, kube_door))


async def _serve_all(settings: NodeSettings, door: int, kube_door: int | None) -> None:
    async with asyncio.TaskGroup() as tasks:
        if settings.gateway_port:
            tasks.create_task(serve(socket.socket(fileno=door), "127.0.0.1", settings.gateway_port))
        if settings.kube and kube_door is not None:
            tasks.create_task(serve(socket.socket(fileno=kube_door), settings.node_ip, settings.kube.api_port))


if __name__ == "__main__":
    main()
