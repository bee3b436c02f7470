"""Which users there are where this process runs: all of them, or, in a user namespace without help, one.

Place:  shell · asked by runtime, servers/xds and apps
Source: user_namespaces(7): who is not root may map one user, himself, to user 0 of the namespace, and no groups
"""

from functools import cache
from pathlib import Path

_MAP = Path("/proc/self/uid_map")
_ORDINARY = 65_535
"""A namespace that holds users up to here holds all that pods ask for."""


@cache
def one_user() -> bool:
    """Whether there is user 0 alone: nobody can become, or own anything as, another one."""
    ranges = (line.split() for line in _MAP.read_text().splitlines())
    return max(int(first) + int(count) for first, _, count in ranges) < _ORDINARY


def held(user: int) -> int:
    """The user that stands for a user here."""
    return 0 if one_user() else user
