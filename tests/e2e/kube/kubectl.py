"""The real kubectl, driven as a user drives it.

Place:  tests/e2e/kube · used by its tests, on a mesh of `meltemi up --kube`
"""

import json
import os
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from e2e.mesh import SAMPLES, missing
from meltemi.shell.kube.assets import find
from meltemi.shell.kube.assets import missing as missing_assets


def lacking() -> str:
    """Why there can be no such mesh here; empty if there can."""
    if why := missing():
        return why
    if not SAMPLES.is_dir():
        return "needs ../shared/conformance/samples"
    names = [*missing_assets(), *(() if find("kubectl") else ("kubectl",))]
    return f"needs {' and '.join(names)}: see scripts/kube-assets" if names else ""


class KubectlError(AssertionError):
    """kubectl did not end as it should."""


class Kubectl:
    """One kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        self._program = str(find("kubectl"))
        self._environment = os.environ | {"KUBECONFIG": str(kubeconfig)}

    def result(
        self, *arguments: str | Path, text: str | None = None, limit: int = 90, editor: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """`editor`: what `kubectl edit` opens."""
        environment = self._environment | ({"KUBE_EDITOR": editor} if editor else {})
        return subprocess.run(
            [self._program, *map(str, arguments)], env=environment, input=text, capture_output=True, text=True,
            timeout=limit, check=False,
        )  # fmt: skip

    def __call__(self, *arguments: str | Path, text: str | None = None, limit: int = 90, editor: str = "") -> str:
        """Standard output; it must succeed."""
        done = self.result(*arguments, text=text, limit=limit, editor=editor)
        if done.returncode:
            said = " ".join(map(str, arguments))
            raise KubectlError(f"kubectl {said}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def json(self, *arguments: str | Path) -> Any:
        return json.loads(self(*arguments, "-o", "json"))

    @contextmanager
    def started(self, *arguments: str) -> Generator[subprocess.Popen[str]]:
        """One that does not end by itself; it is ended with the block."""
        child = subprocess.Popen(
            [self._program, *arguments], env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            yield child
        finally:
            child.kill()
            child.wait()

    def on_terminal(self, terminal: int, *arguments: str) -> subprocess.Popen[bytes]:
        """As somebody who sits at a terminal."""
        return subprocess.Popen(
            [self._program, *arguments], env=self._environment, stdin=terminal, stdout=terminal, stderr=terminal
        )

    def names(self, kind: str, *arguments: str) -> Sequence[str]:
        return [item["metadata"]["name"] for item in self.json("get", kind, *arguments)["items"]]


def lines_until(child: subprocess.Popen[str], wanted: str) -> list[str]:
    """What it prints up to a line with a text in it; fails if it ends before (the test's own limit ends a wait)."""
    found: list[str] = []
    assert child.stdout is not None
    for line in child.stdout:
        found.append(line.rstrip("\n"))
        if wanted in line:
            return found
    raise KubectlError(f"it ended without {wanted!r}: {found}")
