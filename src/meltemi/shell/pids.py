"""Whether the process of a pid file lives.

Place:  shell · used by apps/lifecycle and client
"""

from pathlib import Path


def alive(file: Path, module: str) -> bool:
    """Whether the file's process runs `module`; a zombie and a stranger with the same number do not."""
    try:
        command = Path("/proc", file.read_text(), "cmdline").read_bytes()
    except OSError:
        return False
    return module.encode() in command.split(b"\0")
