"""The version of this program, as its package says.

Place:  everywhere a version is told
"""

from importlib.metadata import version

VERSION = version("meltemi")
