"""The class of an Envoy message, by its full name.

Place:  [messages/by_name] → messages/read

`pb` imports what the mesh writes itself. What users may name are all messages of Envoy's API: their modules are
imported when one of their package is asked for, which costs a few milliseconds once.
"""

import importlib
import pkgutil
import re
from functools import cache

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message

PREFIX = "type.googleapis.com/"
_PACKAGE = re.compile(r"((?:envoy|xds|udpa)(?:\.[a-z][a-z0-9_]*)+)\.[A-Z][A-Za-z0-9_.]*")
"""A message's package: lower-case words, then the message's name and those of the messages around it."""
_OLD = frozenset({"v1", "v2", "v2alpha", "v2alpha1"})
"""Versions of Envoy's API that are gone."""


@cache
def message_type(name: str) -> type[Message] | None:
    """The class of `envoy.config.listener.v3.Listener` and its like; None where there is no such message."""
    found = _PACKAGE.fullmatch(name)
    if found and not is_old(name):
        _load(found[1])
    elif not name.startswith("google.protobuf."):
        return None
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(name)
    except KeyError:
        return None
    return message_factory.GetMessageClass(descriptor)


def is_old(name: str) -> bool:
    """Whether a message is of a version of the API before v3."""
    parts = name.split(".")
    return parts[0] == "envoy" and not _OLD.isdisjoint(parts)


@cache
def _load(package: str) -> None:
    """Import the generated modules of one package; nothing where there is none of that name."""
    try:
        module = importlib.import_module(package)
    except ImportError:
        return
    for one in pkgutil.iter_modules(module.__path__):
        if one.name.endswith("_pb2"):
            importlib.import_module(f"{package}.{one.name}")
