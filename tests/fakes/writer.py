"""Waits for what a session has to say, as the writer of its stream does."""

import asyncio

from meltemi.shell.session import Session


async def responses(session: Session) -> list[bytes]:
    """The next ones."""
    woken = asyncio.Event()
    session.listen(woken.set)
    while not (sent := session.take()):
        await woken.wait()
        woken.clear()
    return sent
