"""`exec -it`: a shell in a pod on a terminal of its own."""

import fcntl
import os
import pty
import signal
import struct
import sys
import termios

import pytest

from e2e.node.machine import Machine, sleeper

pytestmark = [pytest.mark.e2e]

PROGRAM = """\
import sys, pathlib
from meltemi.shell.runtime.node_client import execute
sys.exit(execute(pathlib.Path(sys.argv[1]), sys.argv[2], "a", ["sh"], terminal=True))
"""


def session(machine: Machine, uid: str, *typed: tuple[bytes, bytes | None]) -> tuple[str, int]:
    """Type into a shell in the pod: each time some keys, then look until a word is shown (None: until the end).

    Returns what the screen showed, and the exit code.
    """
    pid, screen = pty.fork()
    if not pid:
        # As where a shell started us in the background: who sits at the terminal must be heard nevertheless.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.execv(sys.executable, [sys.executable, "-c", PROGRAM, str(machine.state), uid])
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
    shown = _until(screen, b"")
    for keys, word in typed:
        os.write(screen, keys)
        shown += _until(screen, word)
    _, status = os.waitpid(pid, 0)
    os.close(screen)
    return shown.decode(errors="replace"), os.waitstatus_to_exitcode(status)


def _until(screen: int, word: bytes | None) -> bytes:
    """What is shown until something is (`word` empty), or until the end."""
    shown = b""
    while True:
        try:
            more = os.read(screen, 4096)
        except OSError:
            return shown
        shown += more
        if not more or (word is not None and word in shown):
            return shown


def test_a_shell_has_a_terminal_of_the_window_s_size_and_ends_with_its_code(machine: Machine) -> None:
    uid = machine.pod("shell", sleeper())
    machine.until(lambda: machine.ready("shell"))

    shown, code = session(machine, uid, (b"test -t 0 && echo ter''minal; stty size; hostname; exit 3\n", None))

    assert "terminal" in shown
    assert "33 111" in shown
    assert "shell" in shown.split()
    assert code == 3


def test_ctrl_c_ends_what_runs_and_not_the_shell(machine: Machine) -> None:
    uid = machine.pod("keys", sleeper())
    machine.until(lambda: machine.ready("keys"))

    shown, code = session(
        machine,
        uid,
        # Only what says so runs in the foreground: a key before that meets the shell, which goes on and starts it.
        (b"sh -c 'echo be\"\"gun; exec sleep 1000'\n", b"begun"),
        (b"\x03", b""),
        (b"echo af''ter; exit 0\n", None),
    )

    assert "after" in shown
    assert code == 0
