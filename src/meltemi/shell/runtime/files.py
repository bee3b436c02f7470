"""Replace a file in one step.

Place:  shell/runtime · whoever writes what another process reads
"""

from pathlib import Path


def write_atomically(path: Path, content: bytes) -> bool:
    """Make a file's content so (mode 0600); readers see the old or the new one. False if it was so already."""
    try:
        if path.read_bytes() == content:
            return False
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.new")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(path)
    return True
