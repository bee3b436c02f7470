"""The option `--state`, which names a mesh, and others that several commands have.

Place:  apps/cli · shared by the commands that start a mesh or talk to one
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click


def _default() -> Path:
    """Root's is the machine's; everybody else has one of his own (XDG Base Directory Specification)."""
    if os.geteuid() == 0:
        return Path("/var/lib/meltemi")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "meltemi"


DEFAULT = _default()

F = TypeVar("F", bound=Callable[..., Any])


def state_option(function: F) -> F:
    """`--state DIR`, given to the command as `state`; the environment variable MELTEMI_STATE serves as well."""
    return click.option(
        "--state",
        envvar="MELTEMI_STATE",
        default=DEFAULT,
        type=click.Path(file_okay=False, path_type=Path),
        help="the mesh's state directory  [default: /var/lib/meltemi; without root ~/.local/state/meltemi]",
    )(function)


def namespace_option(function: F) -> F:
    """`-n NS`, given to the command as `namespace`."""
    return click.option("-n", "--namespace", default="default", show_default=True, help="the namespace")(function)


def network_options(function: F) -> F:
    """`--pod-cidr` and `--service-cidr`, given to the command as `pod_cidr` and `service_cidr`; empty by default.

    The environment variables MELTEMI_POD_CIDR and MELTEMI_SERVICE_CIDR serve as well.
    """
    pods = click.option(
        "--pod-cidr", default="", envvar="MELTEMI_POD_CIDR", help="addresses of pods  [default: 198.18.0.0/16]"
    )
    services = click.option(
        "--service-cidr",
        default="",
        envvar="MELTEMI_SERVICE_CIDR",
        help="addresses of Services  [default: 198.19.0.0/16]",
    )
    return pods(services(function))
