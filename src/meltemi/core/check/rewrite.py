"""Rules for `http[].rewrite`, `redirect` and `directResponse`: what replaces or answers a request.

Place:  model/traffic → [check/rewrite] → view/rewrite → envoy/route
"""

from collections.abc import Iterator

from meltemi.core.check.fault import check_status
from meltemi.core.check.names import check_port
from meltemi.core.check.report import at, error, warning
from meltemi.core.check.values import check_regex
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.virtual_service import (
    HTTPDirectResponse,
    HTTPRedirect,
    HTTPRewrite,
    HTTPRoute,
    RegexRewrite,
)

MAX_BODY = 1024 * 1024
LARGE_BODY = 100 * 1024


def check_rewrite(rewrite: HTTPRewrite | None, path: Path) -> Iterator[Finding]:
    """A rewrite that rewrites something, the path in one way."""
    if rewrite is None:
        return
    if rewrite.uri and rewrite.uri_regex_rewrite:
        yield error("M2116", path, "'uri' and 'uriRegexRewrite' exclude each other", "keep one of them")
    if not (rewrite.uri or rewrite.uri_regex_rewrite or rewrite.authority):
        yield error("M2116", path, "the rewrite changes nothing", "write 'uri', 'uriRegexRewrite' or 'authority'")
    if rewrite.uri_regex_rewrite:
        yield from _check_regex_rewrite(rewrite.uri_regex_rewrite, at(path, "uriRegexRewrite"))


def _check_regex_rewrite(rewrite: RegexRewrite, path: Path) -> Iterator[Finding]:
    if not (rewrite.match and rewrite.rewrite):
        yield error("M2116", path, "'match' and 'rewrite' are both needed")
    elif rewrite.match:
        yield from check_regex(rewrite.match, at(path, "match"))


def check_redirect(redirect: HTTPRedirect | None, route: HTTPRoute, path: Path) -> Iterator[Finding]:
    """A redirect that changes something, with a status that means one."""
    if redirect is None:
        return
    place = at(path, "redirect")
    port = redirect.port is not None or redirect.derive_port is not None
    if not (redirect.uri or redirect.prefix_rewrite or redirect.authority or redirect.scheme or port):
        yield error("M2115", place, "the redirect changes nothing", "write 'uri', 'authority', 'scheme' or 'port'")
    if redirect.uri and redirect.prefix_rewrite:
        yield error("M2115", place, "'uri' and 'prefixRewrite' exclude each other", "keep one of them")
    if redirect.redirect_code and not 300 <= redirect.redirect_code <= 399:
        yield error(
            "M2115",
            at(place, "redirectCode"),
            f"{redirect.redirect_code} is no redirect",
            "write 301, 302, 303, 307 or 308",
        )
    if redirect.scheme not in ("", "http", "https"):
        yield error("M2115", at(place, "scheme"), f"unknown scheme {redirect.scheme!r}", "write 'http' or 'https'")
    if redirect.port:
        yield from check_port(redirect.port, at(place, "port"))
    if redirect.prefix_rewrite:
        yield from _check_prefix_matches(route, at(place, "prefixRewrite"))


def _check_prefix_matches(route: HTTPRoute, path: Path) -> Iterator[Finding]:
    if any(match.uri and match.uri.prefix is None for match in route.match):
        yield error("M2115", path, "a prefix can be replaced only where the path is matched by prefix", "see 'match'")


def check_direct_response(response: HTTPDirectResponse | None, path: Path) -> Iterator[Finding]:
    """An answer with a status, and a body that does not make configuration huge."""
    if response is None:
        return
    yield from check_status(response.status, at(path, "status"))
    body = response.body
    size = len((body.string or "").encode()) + len(body.bytes_ or b"") if body else 0
    if size > MAX_BODY:
        yield error("M2117", at(path, "body"), f"the body has {size} bytes, at most {MAX_BODY} are allowed")
    elif size > LARGE_BODY:
        yield warning("M2117", at(path, "body"), f"the body has {size} bytes, which every proxy is sent")
