"""Which meshes are on this machine: a note below /run/meltemi for each, from `up` to `down`.

Place:  apps · used by lifecycle, so that a new mesh meets neither the remains of a killed one nor the
        addresses of a living one
"""

import contextlib
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import msgspec

from meltemi.core.model.value import Value
from meltemi.core.node.settings import NodeSettings
from meltemi.shell.client import SUPERVISOR
from meltemi.shell.pids import alive
from meltemi.shell.runtime.settings import mesh_id

NOTES = Path("/run/meltemi")


class Note(Value, frozen=True, kw_only=True):
    """One mesh."""

    state: str
    pod_cidr: str
    service_cidr: str

    @property
    def lives(self) -> bool:
        """Whether somebody keeps it running."""
        return alive(Path(self.state) / "supervisor.pid", SUPERVISOR)

    def overlaps(self, settings: NodeSettings) -> bool:
        """Whether the two would use the same addresses."""
        ours = (IPv4Network(settings.pod_cidr), IPv4Network(settings.service_cidr))
        theirs = (IPv4Network(self.pod_cidr), IPv4Network(self.service_cidr))
        return any(one.overlaps(other) for one in ours for other in theirs)


def register(state: Path, settings: NodeSettings) -> None:
    """Note a mesh."""
    NOTES.mkdir(mode=0o755, exist_ok=True)
    note = Note(state=str(state), pod_cidr=settings.pod_cidr, service_cidr=settings.service_cidr)
    _file(state).write_bytes(msgspec.json.encode(note))


def forget(state: Path) -> None:
    """The mesh is down."""
    _file(state).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # others are noted there
        NOTES.rmdir()


def others(state: Path) -> Iterator[Note]:
    """All other meshes that are noted; what cannot be read is nobody's."""
    for file in NOTES.glob("*.json"):
        if file != _file(state):
            with contextlib.suppress(OSError, msgspec.DecodeError):
                yield msgspec.json.decode(file.read_bytes(), type=Note)


def _file(state: Path) -> Path:
    return NOTES / f"{mesh_id(state)}.json"
