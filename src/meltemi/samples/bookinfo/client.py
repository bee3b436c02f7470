"""How a service of Bookinfo calls another.

Place:  samples/bookinfo · used by productpage, reviews
"""

from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit


def call(url: str, headers: Mapping[str, str], timeout: float) -> tuple[int, bytes]:
    """GET a plain HTTP address. Returns status and body; (0, b"") if nobody answered within `timeout` seconds."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)
    try:
        connection.request("GET", parts.path, headers=dict(headers))
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        connection.close()
