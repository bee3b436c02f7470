"""What a destination sees instead of what the client wrote, and redirects and answers without a destination.

Place:  model/traffic HTTPRewrite, HTTPRedirect, HTTPDirectResponse → [view/rewrite] → envoy/rewrite
"""

from meltemi.core.model.traffic.virtual_service import (
    HTTPDirectResponse,
    HTTPRedirect,
    HTTPRewrite,
    RedirectPortSelection,
)
from meltemi.core.model.value import Value


class Rewrite(Value, frozen=True, kw_only=True):
    """A settled rewrite; empty fields change nothing."""

    prefix: str = ""
    """Instead of the part of the path that the match found."""
    pattern: str = ""
    """RE2; every occurrence in the path becomes `substitution`."""
    substitution: str = ""
    host: str = ""


class Redirect(Value, frozen=True, kw_only=True):
    """A settled redirect; empty fields keep what the request says."""

    path: str = ""
    prefix: str = ""
    """Instead of the part of the path that the match found."""
    host: str = ""
    port: int | None = None
    scheme: str = ""
    code: int = 301


class Answer(Value, frozen=True, kw_only=True):
    """A response without any destination."""

    status: int
    body: bytes = b""


PREFIX_KEEPER = "%PREFIX()%"
"""A redirect URI that begins so replaces the matched prefix only."""


def effective_rewrite(written: HTTPRewrite | None) -> Rewrite:
    """Settle one rewrite."""
    if written is None:
        return Rewrite()
    regex = written.uri_regex_rewrite
    return Rewrite(
        prefix=written.uri,
        pattern=regex.match if regex else "",
        substitution=regex.rewrite if regex else "",
        host=written.authority,
    )


def effective_redirect(written: HTTPRedirect, *, port: int) -> Redirect:
    """Settle one redirect for requests that arrive at `port`."""
    whole = not written.uri.startswith(PREFIX_KEEPER)
    derived = port if written.derive_port is RedirectPortSelection.FROM_REQUEST_PORT else None
    return Redirect(
        path=written.uri if whole else "",
        prefix=written.prefix_rewrite or ("" if whole else written.uri.removeprefix(PREFIX_KEEPER)),
        host=written.authority,
        port=written.port or derived,
        scheme=written.scheme,
        code=written.redirect_code or 301,
    )


def effective_answer(written: HTTPDirectResponse) -> Answer:
    """Settle one answer."""
    body = written.body
    content = b"" if body is None else body.bytes_ or (body.string or "").encode()
    return Answer(status=written.status, body=content)
