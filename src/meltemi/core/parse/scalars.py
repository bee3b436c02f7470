"""What a plain YAML scalar means, as kubectl reads it.

Place:  [parse/scalars] → parse/yaml
Source: YAML 1.1 as the Kubernetes tools read it (sigs.k8s.io/yaml over go-yaml v2), then JSON: `yes` is a boolean,
        `0777` is octal, `1e3` is the number 1000; `1:30` and `2026-11-23` are texts.
"""

import base64
import binascii
import math
import re

from meltemi.core.model.tree import Tree

_TRUE = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
_FALSE = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_INT = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9][0-9]*)$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_INT64 = range(-(2**63), 2**64)
_EXACT = 2.0**53
"""Past this, floats no longer hold every whole number."""
_DIGITS = 400
"""Longer numbers than this are texts: no number that fits 64 bits or a double is written so."""

_PREFIX = "tag:yaml.org,2002:"


class ScalarError(Exception):
    """A scalar that cannot be what its tag says; the text says why."""


def plain(text: str) -> Tree:
    """The value of a scalar without quotes and tag."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text[0] in "+-.0123456789":
        return _number(text)
    return text


def tagged(tag: str, text: str) -> Tree:
    """The value of a scalar with an explicit tag. Raises ScalarError."""
    name = tag.removeprefix(_PREFIX)
    if name == "str":
        return text
    if name == "binary":
        return _binary(text)
    value = plain(text)
    if name == "float" and isinstance(value, int) and not isinstance(value, bool):
        return value
    wanted = {"int": int, "float": float, "bool": bool, "null": type(None)}.get(name)
    if wanted is None:
        raise ScalarError(f"tag {tag!r} is not known")
    if type(value) is not wanted:
        raise ScalarError(f"{text!r} is no {name}")
    return value


def key_text(value: Tree) -> str:
    """A mapping's key as JSON knows it: text. Raises ScalarError for lists and mappings."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if value is None:
        return "null"
    raise ScalarError("a key must be a text")


def whole_text(text: str) -> str:
    """The text with pairs of surrogates, which JSON's escapes make, joined. Raises ScalarError for single ones."""
    if not any("\ud800" <= c <= "\udfff" for c in text):
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise ScalarError("half of a surrogate pair is no character") from None


def _number(text: str) -> Tree:
    bare = text.replace("_", "")
    if len(bare) > _DIGITS:
        return text
    if _INT.match(bare):
        whole = _whole(bare)
        return whole if whole in _INT64 else float(whole)
    if _FLOAT.match(bare):
        return _shortest(float(bare))
    return text


def _whole(text: str) -> int:
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return sign * int(digits, 8)
    return sign * int(digits, 0)


def _shortest(number: float) -> Tree:
    """JSON writes 1000.0 as 1000, so it is a whole number for whoever reads it."""
    if math.isinf(number):
        raise ScalarError("the number is too large")
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def _binary(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, ValueError):
        raise ScalarError("no base64 of a UTF-8 text") from None
