"""Run a system program.

Place:  shell/runtime · nft and ip, for services and cleanup
"""

import asyncio

LIMIT = 20.0
"""Seconds that a program may take."""


class CommandError(Exception):
    """A program failed; the text is what it said."""


async def run(*command: str, text: str = "") -> str:
    """Run a program with a text on standard input; returns standard output. Raises CommandError."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(LIMIT):
            out, said = await process.communicate(text.encode())
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise CommandError(f"{' '.join(command)}: {said.decode(errors='replace').strip()}")
    return out.decode()
