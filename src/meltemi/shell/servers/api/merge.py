"""Patches, and the three-way merge of `apply`.

Place:  servers/api · stored object and what a caller sends → [merge] → the new object
Source: RFC 7386 (merge patch), RFC 6902 (JSON patch); Kubernetes, "Declarative Management", how apply calculates.
"""

import copy
from typing import Any, cast

import jsonpatch

from meltemi.shell.servers.api.problem import ApiError, bad_request
from meltemi.shell.servers.api.trees import Object

MERGE = ("application/merge-patch+json", "application/strategic-merge-patch+json")
"""Strategic merge is read as merge: lists are replaced as a whole."""
JSON_PATCH = "application/json-patch+json"


def patched(old: Object, patch: Any, content_type: str) -> Object:
    """The object after a patch; `old` is not changed. Raises ApiError."""
    if content_type in MERGE:
        if not isinstance(patch, dict):
            raise bad_request("a merge patch is an object")
        return merged(old, cast("Object", patch))
    if content_type == JSON_PATCH:
        return _json_patched(old, patch)
    known = ", ".join((*MERGE, JSON_PATCH))
    raise ApiError(415, "UnsupportedMediaType", f"patches of type '{content_type}' are not understood; known: {known}")


def merged(old: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects are merged, everything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(cast("Object", old)) if isinstance(old, dict) else {}
    for name, value in cast("Object", patch).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def applied(live: Any, last: Any, wanted: Any) -> Any:
    """What an object becomes when a file that said `last` says `wanted` now.

    Fields of the file are set, fields that left the file go, all others (the server's, other writers') stay. A list
    is one value: replaced where the file changed it, and left alone otherwise.
    """
    if not isinstance(live, dict) or not isinstance(wanted, dict):
        return _either(live, last, wanted)
    before = cast("Object", last) if isinstance(last, dict) else {}
    now, then = cast("Object", live), cast("Object", wanted)
    kept = {name: value for name, value in now.items() if name in then or name not in before}
    return kept | {name: applied(now.get(name), before.get(name), value) for name, value in then.items()}


def _either(live: Any, last: Any, wanted: Any) -> Any:
    return live if wanted == last and live is not None else wanted


def _json_patched(old: Object, patch: Any) -> Object:
    try:
        result: Any = jsonpatch.JsonPatch(patch).apply(copy.deepcopy(old))  # pyright: ignore[reportUnknownMemberType]  (untyped library)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError) as problem:
        raise ApiError(422, "Invalid", f"the patch does not fit the object: {problem}") from problem
    if not isinstance(result, dict):
        raise bad_request("the patch leaves no object")
    return cast("Object", result)
