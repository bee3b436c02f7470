"""Answers that show the request.

Place:  samples/httpbin · Asked → Reply, called by __main__
"""

import gzip
import json
import os
import zlib

from meltemi.samples.httpbin.asked import Asked
from meltemi.samples.server import Reply

ONE_METHOD = {"get": "GET", "post": "POST", "put": "PUT", "patch": "PATCH", "delete": "DELETE", "head": "HEAD"}


def by_method(asked: Asked, name: str) -> Reply:
    """/get, /post, …: the request, where it came by this method."""
    method = asked.request.method
    # HEAD is GET without the body, wherever GET is allowed.
    if method not in (ONE_METHOD[name], "HEAD" if name == "get" else ""):
        return Reply("method not allowed", 405, headers={"Allow": ONE_METHOD[name]})
    return Reply(asked.bare()) if name in ("get", "head") else whole(asked)


def whole(asked: Asked) -> Reply:
    """The request and its body, whatever the method."""
    try:
        return Reply(asked.whole() | {"method": asked.request.method})
    except ValueError as problem:
        return Reply(
            {"status_code": 400, "error": "Bad Request", "detail": f"error parsing request body: {problem}"}, 400
        )


def headers(asked: Asked) -> Reply:
    return Reply({"headers": asked.headers()})


def address(asked: Asked) -> Reply:
    """Answer /ip."""
    return Reply({"origin": asked.origin()})


def user_agent(asked: Asked) -> Reply:
    return Reply({"user-agent": asked.request.headers.get("user-agent", "")})


def hostname(_asked: Asked) -> Reply:
    return Reply({"hostname": os.environ.get("HOSTNAME", "")})


def packed(asked: Asked, how: str) -> Reply:
    """/gzip and /deflate."""
    text = json.dumps(asked.bare() | {"gzipped" if how == "gzip" else "deflated": True}).encode()
    body = gzip.compress(text) if how == "gzip" else zlib.compress(text)
    return Reply(body, content_type="application/json", headers={"Content-Encoding": how})
