"""Read and write STATE/settings.json.

Place:  shell/runtime · `up` writes, the node and `down` read
"""

import hashlib
from pathlib import Path

import msgspec

from meltemi.core.node.settings import NodeSettings

FILE = "settings.json"


def mesh_id(state: Path) -> str:
    """Six hex digits for a state directory, the same as long as it is not moved."""
    return hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:6]


def read_settings(state: Path) -> NodeSettings:
    """The settings of a state directory; the defaults where there is no file. Raises msgspec.DecodeError."""
    try:
        settings = msgspec.json.decode((state / FILE).read_bytes(), type=NodeSettings)
    except FileNotFoundError:
        settings = NodeSettings()
    return msgspec.structs.replace(settings, mesh_id=mesh_id(state))
