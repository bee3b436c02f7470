"""Paths with escapes (`%C3%A9`): the letters of their digits may be large or small, and mean the same.

Place:  model/security → check/possible, view/authorization
Source: RFC 3986, 6.2.2.1; Envoy's normalisation leaves the letters as they came (docs/envoy.md)
"""

import re
from collections.abc import Iterator
from itertools import product

MOST_LETTERS = 6
"""Of a path's escapes: each doubles how many texts are compared."""
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


def letters(path: str) -> int:
    """How many letters a path's escapes have."""
    return sum(letter.isalpha() for escape in _ESCAPE.findall(path) for letter in escape)


def spellings(path: str) -> Iterator[str]:
    """A path in every way that its escapes can be written; as it stands where these are too many."""
    if not 0 < letters(path) <= MOST_LETTERS:
        yield path
        return
    escaped = {i for found in _ESCAPE.finditer(path) for i in range(*found.span())}
    for chosen in product(*(sorted({c.upper(), c.lower()}) if i in escaped else [c] for i, c in enumerate(path))):
        yield "".join(chosen)
