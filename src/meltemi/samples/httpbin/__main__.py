"""httpbin: from paths to answers.

Place:  samples/httpbin
Args:   [--plain] [PORT]
"""

import sys

from meltemi.samples.httpbin import echo, made, moves, pages
from meltemi.samples.httpbin.asked import Asked
from meltemi.samples.server import Reply, Request, Service, serve

SINGLE = {
    "ip": echo.address,
    "headers": echo.headers,
    "user-agent": echo.user_agent,
    "hostname": echo.hostname,
    "uuid": made.uuid,
    "drip": made.drip,
    "bearer": moves.bearer,
    "cookies": moves.cookies,
    "cookies/set": moves.set_cookies,
    "cookies/delete": moves.delete_cookies,
    "redirect-to": moves.redirect_to,
    "response-headers": moves.response_headers,
}
"""Path → answer, where the path holds no parameter."""


def httpbin(*, plain: bool) -> Service:
    """The service, in the newer or (plain) the older form."""

    def answer(request: Request) -> Reply:
        try:
            return _answer(Asked(request, plain=plain))
        except ValueError as problem:
            return made.bad(problem)

    return answer


def _answer(asked: Asked) -> Reply:
    path = asked.request.path.strip("/")
    if path in SINGLE:
        return SINGLE[path](asked)
    if page := pages.PAGES.get(path):
        return Reply(page.text, content_type=page.content_type)
    return _with_parameters(asked, path.split("/"))


def _with_parameters(asked: Asked, path: list[str]) -> Reply:
    match path:
        case [("get" | "post" | "put" | "patch" | "delete" | "head") as name]:
            return echo.by_method(asked, name)
        case ["anything", *_]:
            return echo.whole(asked)
        case [("gzip" | "deflate") as how]:
            return echo.packed(asked, how)
        case ["status", wanted]:
            return made.status(asked, wanted)
        case ["delay", wanted]:
            return made.delay(asked, wanted)
        case [("bytes" | "stream-bytes") as name, wanted]:
            return made.some_bytes(asked, wanted, in_pieces=name == "stream-bytes")
        case ["stream", wanted]:
            return made.stream(asked, wanted)
        case ["base64", *text]:
            return made.base64(asked, "/".join(text))
        case [("redirect" | "relative-redirect" | "absolute-redirect") as name, wanted]:
            return moves.redirect(asked, wanted, absolute=name == "absolute-redirect")
        case [("basic-auth" | "hidden-basic-auth") as name, user, password]:
            return moves.basic_auth(asked, user, password, hidden=name != "basic-auth")
        case _:
            return Reply({"status_code": 404, "error": "Not Found"}, 404)


if __name__ == "__main__":
    words = sys.argv[1:]
    ports = [int(word) for word in words if word.isdecimal()]
    serve(httpbin(plain="--plain" in words), ports[0] if ports else 8080)
