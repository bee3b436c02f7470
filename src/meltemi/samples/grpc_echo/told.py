"""What an answer says: a `Name=value` a line, `StatusCode=200` among them.

Place:  samples/grpc_echo
"""

import os
from collections.abc import Iterable

Pairs = Iterable[tuple[str, str]]


def told(version: str, port: int, facts: Pairs, headers: Pairs) -> str:
    """The text of one answer."""
    fields = [
        ("StatusCode", "200"),
        ("ServiceVersion", version),
        ("ServicePort", str(port)),
        *facts,
        *(("RequestHeader", f"{name}:{value}") for name, value in headers),
        ("Hostname", os.environ.get("HOSTNAME", "")),
    ]
    return "".join(f"{name}={value}\n" for name, value in fields)
