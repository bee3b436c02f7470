"""Rules for names of gateways, as VirtualServices and their matches write them.

Place:  [check/gateway_names] → check/virtual_service, check/match
"""

from collections.abc import Iterator

from meltemi.core.check.names import check_host, is_label
from meltemi.core.check.report import at, error, warning
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding

MESH = "mesh"
"""Stands for all sidecars."""


def check_gateway_names(names: tuple[str, ...], path: Path, *, internal: bool = False) -> Iterator[Finding]:
    """`name`, `namespace/name`, `mesh`, or the old `name.namespace.svc.cluster.local`."""
    for i, name in enumerate(names):
        namespace, slash, gateway = name.partition("/")
        if not slash:
            yield from _check_bare(name, at(path, i))
        elif not is_label(namespace):
            yield error("M2109", at(path, i), f"{namespace!r} in {name!r} is no namespace", "write 'namespace/name'")
        elif not is_label(gateway) and not internal:
            yield error(
                "M2109", at(path, i), f"{gateway!r} in {name!r} is no name of a gateway", "write 'namespace/name'"
            )


def _check_bare(name: str, path: Path) -> Iterator[Finding]:
    if "." in name:
        gateway, namespace, *_ = name.split(".")
        tip = f"write '{namespace}/{gateway}'"
        yield warning("M1304", path, f"{name!r} is an old form of a gateway's name", tip)
    yield from check_host(name, path, wildcard=False)
