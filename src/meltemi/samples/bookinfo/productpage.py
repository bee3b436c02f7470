"""productpage: the page of a book, made of what details and reviews know; anybody can log in.

Place:  samples/bookinfo · called from outside, calls details, reviews and (by its API) ratings
Env:    DETAILS_HOSTNAME, DETAILS_SERVICE_PORT (REVIEWS_…, RATINGS_…), SERVICES_DOMAIN
"""

import json
import os
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from meltemi.samples.bookinfo import page
from meltemi.samples.bookinfo.client import call
from meltemi.samples.bookinfo.headers import propagated
from meltemi.samples.server import Reply, Request, port_argument, serve

PRODUCT: dict[str, object] = {
    "id": 0,
    "title": "The Comedy of Errors",
    "descriptionHtml": page.DESCRIPTION,
}
TIMEOUT = 3.0
# Source: Istio, "Fault Injection": reviews are asked twice, 3 s each, so a delay of 7 s below shows as an error here.
TRIES = {"reviews": 2}


def productpage(request: Request) -> Reply:
    """Answer the pages, /login, /logout, /health, /static and /api/v1/products…"""
    match request.method, request.path.strip("/").split("/"):
        case _, ["" | "index.html"]:
            return Reply(page.index())
        case _, ["health"]:
            return Reply("Product page is healthy")
        case _, ["productpage"]:
            return _page(request)
        case "POST", ["login"]:
            return _login(request)
        case _, ["logout"]:
            return _back(request, "user=; Max-Age=0; Path=/")
        case _, ["static", "style.css"]:
            return Reply(page.STYLE, content_type="text/css")
        case _, ["api", "v1", "products", *rest]:
            return _api(rest, request)
        case _:
            return Reply("not found", status=404)


def _page(request: Request) -> Reply:
    headers = _outgoing(request.headers)
    _, details = _ask("details", "0", headers)
    _, reviews = _ask("reviews", "0", headers)
    return Reply(page.product(_user(request.headers), details, reviews))


def _api(path: list[str], request: Request) -> Reply:
    match path:
        case []:
            return Reply([PRODUCT])
        case [number]:
            status, answer = _ask("details", number, _outgoing(request.headers))
        case [number, ("reviews" | "ratings") as service]:
            status, answer = _ask(service, number, _outgoing(request.headers))
        case _:
            return Reply({"error": "not found"}, status=404)
    return Reply(answer, status=status)


def _ask(service: str, number: str, headers: dict[str, str]) -> tuple[int, dict[str, object]]:
    """Status (500 where nobody answered) and answer of details, reviews or ratings for one product."""
    status = 0
    for _ in range(TRIES.get(service, 1)):
        status, body = call(f"{_address(service)}/{service}/{number}", headers, TIMEOUT)
        if status == 200:
            return status, json.loads(body)
    what = {"details": "product details", "reviews": "product reviews", "ratings": "product ratings"}[service]
    return status or 500, {"error": f"Sorry, {what} are currently unavailable for this book."}


def _address(service: str) -> str:
    domain = os.environ.get("SERVICES_DOMAIN", "")
    host = os.environ.get(f"{service.upper()}_HOSTNAME", service) + (f".{domain}" if domain else "")
    return f"http://{host}:{os.environ.get(f'{service.upper()}_SERVICE_PORT', '9080')}"


def _outgoing(headers: Mapping[str, str]) -> dict[str, str]:
    user = _user(headers)
    return propagated(headers) | ({"end-user": user} if user else {})


def _user(headers: Mapping[str, str]) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie") or "").get("user")
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def _login(request: Request) -> Reply:
    name = parse_qs(request.body.decode(errors="replace")).get("username", [""])[0]
    cookie = SimpleCookie({"user": name})
    cookie["user"]["path"] = "/"
    return _back(request, cookie["user"].OutputString())


def _back(request: Request, cookie: str) -> Reply:
    """Return to the page that the request came from, with a cookie changed."""
    came_from = request.headers.get("referer") or "/productpage"
    return Reply("", status=302, headers={"Location": came_from, "Set-Cookie": cookie})


if __name__ == "__main__":
    serve(productpage, port_argument())
