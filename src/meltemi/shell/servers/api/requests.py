"""What a request says: its body, its options.

Place:  servers/api · starlette's Request → [requests] → app
"""

from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from meltemi.shell.servers.api.problem import ApiError, bad_request
from meltemi.shell.servers.api.trees import Object

T = TypeVar("T")

OBJECT_LIMIT = 3 * 1024 * 1024
"""Bytes of one object (Kubernetes')."""
APPLY_LIMIT = 64 * 1024 * 1024
"""Bytes of all objects of an `apply`, with their source maps."""


async def body_of(request: Request, limit: int = OBJECT_LIMIT) -> bytes:
    """The body. Raises ApiError when it is too large, without reading the rest."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise ApiError(413, "RequestEntityTooLarge", f"the request has more than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


async def typed(request: Request, wanted: type[T], limit: int = OBJECT_LIMIT) -> T:
    """The body as a value. Raises ApiError."""
    try:
        return msgspec.json.decode(await body_of(request, limit), type=wanted)
    except msgspec.DecodeError as problem:
        raise bad_request(f"the body cannot be read: {problem}") from problem


async def tree_of(request: Request) -> Object:
    """The body as an object. Raises ApiError."""
    return await typed(request, dict[str, Any])


def dry_run(request: Request) -> bool:
    """`dryRun=All`. Raises ApiError for other words."""
    said = request.query_params.get("dryRun", "")
    if said not in ("", "All"):
        raise bad_request(f"dryRun '{said}' is not understood; write 'All'")
    return bool(said)


def number(request: Request, name: str) -> int | None:
    """A whole number of the query. Raises ApiError."""
    said = request.query_params.get(name, "")
    if said and not said.isdigit():
        raise bad_request(f"{name} '{said}' is no number")
    return int(said) if said else None


def flag(request: Request, name: str) -> bool:
    """Whether an option of the query is on."""
    return request.query_params.get(name, "").lower() in ("1", "true", "t")
