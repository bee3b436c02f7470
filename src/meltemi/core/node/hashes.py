"""Short names for contents.

Place:  node · used by deployments and endpoint_slices
"""

import hashlib

import msgspec

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Letters and digits of generated names: none that could make a word or be taken for another.

Source: Kubernetes, apimachinery, util/rand.
"""


def short_hash(content: object, *, length: int) -> str:
    """A name for a JSON tree: equal trees have equal names, whatever the order of their fields."""
    text = msgspec.json.encode(content, order="sorted")
    number = int.from_bytes(hashlib.sha256(text).digest(), "big")
    letters: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[digit])
    return "".join(letters)
