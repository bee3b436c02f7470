"""A connection that a pod has, and what is said on it.

Place:  tests/e2e · apps/caller.py runs in the pod; [Caller] is its end here
"""

import subprocess
import sys
from contextlib import suppress
from queue import Empty, Queue
from threading import Thread

from e2e.mesh import HERE, MELTEMI, Mesh, eventually


def peers(mode: str, more: str = "") -> str:
    """A PeerAuthentication of the namespace, `more` of its `spec` included."""
    return (
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata:\n  name: default\n"
        f"spec:\n  mtls: {{mode: {mode}}}\n{more}"
    )


class Caller:
    """One connection of a pod, from its first word on, and never a second one."""

    def __init__(self, mesh: Mesh, pod: str, kind: str, host: str, port: int) -> None:
        program = (sys.executable, str(HERE / "apps/caller.py"), kind, host, str(port))
        self._process = subprocess.Popen(
            [*mesh.before, str(MELTEMI), "exec", "--state", str(mesh.state), pod, "--", *program],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._answers: Queue[str] = Queue()
        Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line.strip())
        self._answers.put("")

    def answer(self, seconds: float = 15) -> str:
        """The next answer; nothing where the connection is closed."""
        try:
            return self._answers.get(timeout=seconds)
        except Empty:
            raise AssertionError("neither answered nor closed") from None

    def ask(self, word: str = "") -> str:
        """What is answered to one more request, line or message; nothing where the connection is closed."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the connection ended before
            self._process.stdin.write(f"{word}\n")
            self._process.stdin.flush()
        return self.answer()

    def hears(self) -> bool:
        """Whether something more comes of itself."""
        while not self._answers.empty():
            self._answers.get()
        return self.answer() != ""

    def ends(self, seconds: float) -> bool:
        """Whether the connection ends by itself, at the latest then."""
        return bool(eventually(lambda: self._process.poll() is not None, seconds))
