"""labelSelector and fieldSelector.

Place:  servers/api · query → [selectors] → which objects are listed and watched
Source: Kubernetes, "Labels and Selectors", "Field Selectors".
"""

import re
from collections.abc import Callable

from meltemi.shell.servers.api.trees import Object, labels_of, part

Matches = Callable[[Object], bool]

_SET = re.compile(r"(\S+)\s+(in|notin)\s*\(([^)]*)\)")
_EQUAL = re.compile(r"([^!=\s]+)\s*(==|=|!=)\s*(\S*)")
_FIELDS = ("metadata.name", "metadata.namespace", "spec.nodeName", "status.phase")


def selector(labels: str, fields: str) -> Matches:
    """A test of an object by both selectors. Raises ValueError for what cannot be read."""
    tests = [_label(one) for one in _parts(labels)] + [_field(one) for one in _parts(fields)]
    return lambda one: all(test(one) for test in tests)


def _parts(text: str) -> list[str]:
    """Requirements: separated by commas outside parentheses."""
    return [one.strip() for one in re.split(r",(?![^(]*\))", text) if one.strip()]


def _label(said: str) -> Matches:
    if match := _SET.fullmatch(said):
        name, wanted, words = match[1], match[2] == "in", {word.strip() for word in match[3].split(",")}
        return lambda one: (labels_of(one).get(name) in words) is wanted
    if match := _EQUAL.fullmatch(said):
        name, wanted, word = match[1], match[2] != "!=", match[3]
        return lambda one: (labels_of(one).get(name) == word) is wanted
    name, wanted = said.removeprefix("!"), not said.startswith("!")
    if not re.fullmatch(r"[\w./-]+", name):
        raise ValueError(f"label selector {said!r} cannot be read")
    return lambda one: (name in labels_of(one)) is wanted


def _field(said: str) -> Matches:
    match = _EQUAL.fullmatch(said)
    if match is None or match[1] not in _FIELDS:
        raise ValueError(f"field selector {said!r} cannot be read; fields: {', '.join(_FIELDS)}")
    (section, name), wanted, word = match[1].split("."), match[2] != "!=", match[3]
    return lambda one: (part(one, section).get(name, "") == word) is wanted
