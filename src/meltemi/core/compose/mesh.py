"""The settings of the mesh, as stages read them.

Place:  model/mesh → [compose/mesh] → all stages
"""

from meltemi.core.engine.engine import Engine
from meltemi.core.model.mesh import MeshConfig

DEFAULT = MeshConfig()


def mesh(e: Engine) -> MeshConfig:
    """MeshConfig in force; Istio's defaults where none was put."""
    found = e.read(("mesh",))
    return found if isinstance(found, MeshConfig) else DEFAULT
