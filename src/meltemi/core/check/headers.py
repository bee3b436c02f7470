"""Rules for names and values of headers, wherever a route writes them.

Place:  model/traffic → [check/headers] → view/headers → envoy/headers
"""

import re
from collections.abc import Iterator

from meltemi.core.check.report import at, error
from meltemi.core.check.variables import check_variables
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.virtual_service import HeaderOperations, Headers, HTTPRewrite

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
"""Source: RFC 9110, 5.1, token."""
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def is_authority(name: str) -> bool:
    """The header that names the host, in both of its forms."""
    return name.lower() in (":authority", "host")


def check_header_name(name: str, path: Path) -> Iterator[Finding]:
    """The name of a header to look at."""
    if not name:
        yield error("M2106", path, "the header has no name")
    elif not _NAME.match(name.removeprefix(":") if name.startswith(":") else name):
        yield error("M2106", path, f"{name!r} is no name of a header", "letters, digits and !#$%&'*+-.^_`|~")


def check_headers(headers: Headers | None, path: Path) -> Iterator[Finding]:
    """Changes of headers on both ways."""
    if headers is None:
        return
    yield from _check_operations(headers.request, at(path, "request"), request=True)
    yield from _check_operations(headers.response, at(path, "response"), request=False)


def _check_operations(operations: HeaderOperations | None, path: Path, *, request: bool) -> Iterator[Finding]:
    if operations is None:
        return
    for word, pairs in (("set", operations.set), ("add", operations.add)):
        for name, value in pairs:
            place = at(path, word, name)
            yield from _check_changed(name, place, authority=request)
            yield from check_header_value(value, place)
    for i, name in enumerate(operations.remove):
        yield from _check_changed(name, at(path, "remove", i), authority=False)


def _check_changed(name: str, path: Path, *, authority: bool) -> Iterator[Finding]:
    """Envoy does not let the parts of the request line be changed as headers; the host can be set."""
    if not name:
        yield error("M2106", path, "the header has no name")
    elif (name.startswith(":") or is_authority(name)) and not (authority and is_authority(name)):
        yield error("M2106", path, f"header {name!r} cannot be changed here", "see: meltemi code M2106")


def check_header_value(value: str, path: Path) -> Iterator[Finding]:
    """A text, in which `%` begins a variable of Envoy."""
    if _CONTROL.search(value):
        yield error("M2107", path, "the value of the header holds a control character")
    else:
        yield from check_variables(value, path)


def check_authority(rewrite: HTTPRewrite | None, headers: Headers | None, path: Path) -> Iterator[Finding]:
    """The host may be rewritten in one place only."""
    written = [at(path, "rewrite", "authority")] if rewrite and rewrite.authority else []
    request = headers.request if headers else None
    if request:
        for word, pairs in (("set", request.set), ("add", request.add)):
            written += [at(path, "headers", "request", word, name) for name, _ in pairs if is_authority(name)]
    for place in written[1:]:
        yield error("M2118", place, f"the host is already set by '{written[0]}'", "keep one of them")
