"""The token files of one pod: written before it starts, and again before they expire.

Place:  shell/runtime · kubelet → [tokens] → STATE/pods/UID/volumes/NAME, which the pod sees read-only

What is in force stands in the files alone: a node that takes a pod over reads there when to go on.
"""

import asyncio
import os
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from meltemi.core.node.tokens import TokenFile, renew_at, request, times
from meltemi.ports.tokens import TokenRefusedError, TokenSource
from meltemi.shell.runtime.pod_spec import PodSpec
from meltemi.shell.users import held

log: Any = structlog.get_logger(__name__)

VOLUMES = "volumes"
"""Below a pod's folder: the volumes whose files change while the pod runs."""
RETRY = 1.0
"""Seconds between two attempts, at least."""
LONGEST_SLEEP = 60.0
"""Seconds after which the clock is looked at again: it may have been set, or the machine have slept."""


class Tokens:
    """The token files of a pod."""

    def __init__(self, source: TokenSource, place: Path, spec: PodSpec) -> None:
        """`place`: the pod's folder."""
        self._source = source
        self._place = place / VOLUMES
        self._spec = spec
        self._chance = random.random()  # noqa: S311  (spreads work, keeps no secret)

    async def begin(self) -> None:
        """Write every token that is not there, or not good any more. Raises TokenRefusedError."""
        for file in self._spec.tokens:
            if self._times(file)[1] <= _now():
                await self._write(file)

    async def keep(self) -> None:
        """Write tokens anew in time until cancelled; the old ones stay while new ones are refused."""
        while self._spec.tokens:
            file = min(self._spec.tokens, key=self._due)
            await asyncio.sleep(min(max(self._due(file) - _now(), RETRY), LONGEST_SLEEP))
            if self._due(file) > _now():
                continue
            try:
                await self._write(file)
            except TokenRefusedError as problem:
                log.warning("a token is not renewed yet", pod=self._spec.name, why=str(problem))

    def _due(self, file: TokenFile) -> float:
        return renew_at(*self._times(file), chance=self._chance)

    def _times(self, file: TokenFile) -> tuple[float, float]:
        try:
            return times((self._place / file.volume / file.path).read_text())
        except (OSError, ValueError):
            return 0.0, 0.0

    async def _write(self, file: TokenFile) -> None:
        asked = request(file, pod=self._spec.name, uid=self._spec.uid)
        token = await self._source.create_token(self._spec.namespace, self._spec.service_account, asked)
        try:
            times(token)
        except ValueError as problem:
            raise TokenRefusedError(str(problem)) from problem
        _replace(self._place / file.volume / file.path, token, file)


def write_volumes(spec: PodSpec) -> None:
    """Make the folders of volumes with tokens, with their other files."""
    for volume in spec.volumes:
        if not volume.kept_outside:
            continue
        folder = Path(volume.host_path)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        for name, content, mode in volume.files:
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(mode)


def _replace(path: Path, token: str, file: TokenFile) -> None:
    """In one step, and never readable for anybody else, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w") as opened:
        opened.write(token)
        os.fchown(number, held(file.user), held(file.group))
        os.fchmod(number, file.mode)
    draft.replace(path)


def _now() -> float:
    return datetime.now(UTC).timestamp()
