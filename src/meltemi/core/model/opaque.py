"""The content of a kind that the mesh stores and does not read.

Place:  model · spec of Documents whose kind has no effect (yet)
"""

from meltemi.core.model.value import Value


class Opaque(Value, frozen=True, kw_only=True):
    """Nothing is known of the content; the stored object has it all."""
