"""Run a program on a terminal of its own, which this process's terminal shows.

Place:  shell/runtime · node_client → [terminal]; `meltemi exec -it`
"""

import fcntl
import os
import select
import signal
import subprocess
import sys
import termios
import tty
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

SIZE = b"\0" * 8
"""Room for rows, columns and two numbers that nobody uses."""
CHUNK = 1 << 16


def run_on_terminal(line: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run it until it ends; returns its exit code. Keys, Ctrl-C among them, and the window's size go to it.

    Raises OSError, termios.error where standard input is no terminal.
    """
    own = sys.stdin.fileno()
    outer, inner = os.openpty()
    try:
        _copy_size(own, outer)
        with _raw(own), _resized(own, outer):
            _hear_keys()
            child = subprocess.Popen(line, env=environment, stdin=inner, stdout=inner, stderr=inner)
            os.close(inner)
            _carry(own, outer)
            return child.wait()
    finally:
        os.close(outer)


def _hear_keys() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would all that it starts (POSIX, sh, 2.11)."""
    for key in (signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(key) is signal.SIG_IGN:
            signal.signal(key, signal.SIG_DFL)


def _carry(own: int, outer: int) -> None:
    """Until the last program on the terminal has closed it."""
    sources = [own, outer]
    while True:
        readable, _, _ = select.select(sources, (), ())
        if outer in readable:
            said = _read(outer)
            if not said:
                return
            os.write(sys.stdout.fileno(), said)
        if own in readable:
            keys = _read(own)
            if not keys:
                sources.remove(own)  # nobody types any more; what the program says is still shown
            else:
                os.write(outer, keys)


def _read(file: int) -> bytes:
    try:
        return os.read(file, CHUNK)
    except OSError:  # how a terminal without programs answers
        return b""


@contextmanager
def _raw(own: int) -> Generator[None]:
    before = termios.tcgetattr(own)
    tty.setraw(own)
    try:
        yield
    finally:
        termios.tcsetattr(own, termios.TCSADRAIN, before)


@contextmanager
def _resized(own: int, outer: int) -> Generator[None]:
    def resize(_signal: int, _frame: FrameType | None) -> None:
        _copy_size(own, outer)

    before = signal.signal(signal.SIGWINCH, resize)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _copy_size(own: int, outer: int) -> None:
    fcntl.ioctl(outer, termios.TIOCSWINSZ, fcntl.ioctl(own, termios.TIOCGWINSZ, SIZE))
