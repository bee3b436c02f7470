"""The option `--state`, which names a mesh.

Place:  apps/cli · shared by the commands that talk to a mesh
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

DEFAULT = Path("/var/lib/meltemi")

F = TypeVar("F", bound=Callable[..., Any])


def state_option(function: F) -> F:
    """`--state DIR`, given to the command as `state`; the environment variable MELTEMI_STATE serves as well."""
    return click.option(
        "--state",
        envvar="MELTEMI_STATE",
        default=DEFAULT,
        type=click.Path(file_okay=False, path_type=Path),
        help=f"the mesh's state directory  [default: {DEFAULT}]",
    )(function)


def namespace_option(function: F) -> F:
    """`-n NS`, given to the command as `namespace`."""
    return click.option("-n", "--namespace", default="default", show_default=True, help="the namespace")(function)
