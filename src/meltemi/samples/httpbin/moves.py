"""Answers in which the headers matter: redirects, cookies, authentication, headers to order.

Place:  samples/httpbin · Asked → Reply, called by __main__
"""

import binascii
from base64 import b64decode
from http.cookies import CookieError, SimpleCookie

from meltemi.samples.httpbin.asked import Asked
from meltemi.samples.server import Reply

REALM = {"WWW-Authenticate": 'Basic realm="Fake Realm"'}


def redirect(asked: Asked, wanted: str, *, absolute: bool = False) -> Reply:
    """/redirect/N: N redirects, the last to /get."""
    left = int(wanted) - 1
    if left < 0:
        raise ValueError("redirect count must be > 0")
    absolute = absolute or asked.first("absolute").lower() == "true"
    name = "absolute-redirect" if absolute else "relative-redirect"
    return _to((asked.base() if absolute else "") + (f"/{name}/{left}" if left else "/get"))


def redirect_to(asked: Asked) -> Reply:
    """/redirect-to?url=&status_code="""
    code = int(asked.first("status_code", "302"))
    if not asked.first("url"):
        raise ValueError("missing required query parameter: url")
    if not 300 <= code <= 399:
        raise ValueError(f"invalid status code: {code} not in range [300, 399]")
    return _to(asked.first("url"), code)


def _to(where: str, code: int = 302, more: tuple[tuple[str, str], ...] = ()) -> Reply:
    _refuse_lines(where)
    return Reply("", code, headers={"Location": where}, more=more)


def cookies(asked: Asked) -> Reply:
    """The cookies of the request."""
    try:
        found: dict[str, object] = {
            name: one.value for name, one in SimpleCookie(asked.request.headers.get("cookie", "")).items()
        }
    except CookieError:
        found = {}
    return Reply({"cookies": found} if asked.plain else found)


def set_cookies(asked: Asked) -> Reply:
    """/cookies/set?NAME=VALUE"""
    return _to("/cookies", more=_cookies(asked, delete=False))


def delete_cookies(asked: Asked) -> Reply:
    """/cookies/delete?NAME"""
    return _to("/cookies", more=_cookies(asked, delete=True))


def _cookies(asked: Asked, *, delete: bool) -> tuple[tuple[str, str], ...]:
    try:
        jar = SimpleCookie({name: values[0] for name, values in asked.request.query.items()})
    except CookieError as problem:
        raise ValueError(str(problem)) from None
    for one in jar.values():
        one["path"] = "/"
        if delete:
            one["max-age"] = "0"
    return tuple(("Set-Cookie", one.OutputString()) for one in jar.values())


def response_headers(asked: Asked) -> Reply:
    """/response-headers?NAME=VALUE: these headers, and what they are as JSON."""
    given = {name: values for name, values in asked.request.query.items() if name.lower() != "content-type"}
    kind = next((v[0] for name, v in asked.request.query.items() if name.lower() == "content-type"), "application/json")
    more = tuple((name, value) for name, values in given.items() for value in values)
    for line in (*more, ("", kind)):
        _refuse_lines("".join(line))
    return Reply(asked.listed([*given.items(), ("Content-Type", [kind])]), headers={"Content-Type": kind}, more=more)


def _refuse_lines(text: str) -> None:
    if any(ord(letter) < 32 or ord(letter) > 126 for letter in text):
        raise ValueError("a header holds no line breaks, and only ASCII")


def basic_auth(asked: Asked, user: str, password: str, *, hidden: bool = False) -> Reply:
    """/basic-auth/USER/PASSWORD; hidden: 404 where they are not given."""
    given = _credentials(asked.request.headers.get("authorization", ""))
    good = given == (user, password)
    if hidden and not good:
        return Reply({"status_code": 404, "error": "Not Found"}, 404)
    if asked.plain and not good:
        return Reply("", 401, headers=REALM)
    said = {"authenticated": good, "authorized": good, "user": given[0]}
    return Reply(said, 200 if good else 401, headers={} if good else REALM)


def _credentials(header: str) -> tuple[str, str]:
    kind, _, word = header.partition(" ")
    try:
        user, _, password = b64decode(word, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (user, password) if kind.lower() == "basic" else ("", "")


def bearer(asked: Asked) -> Reply:
    """/bearer: 200 where there is a token, 401 where not."""
    kind, _, token = asked.request.headers.get("authorization", "").partition(" ")
    if kind != "Bearer" or not token:
        return Reply("", 401, headers={"WWW-Authenticate": "Bearer"})
    return Reply({"authenticated": True, "token": token})
