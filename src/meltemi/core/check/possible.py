"""Values of policies that Istio takes and that no request has: the rule would be less than it looks.

Place:  [check/possible] → check/{attributes,authorization_policy,rbac}
Source: what Envoy compares with: RFC 9110, 7.2, 9.1; RFC 3986, 3.3; SPIFFE identities without their scheme
"""

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv6Address

from meltemi.core.check.names import is_subnet
from meltemi.core.check.report import warning
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.security.escapes import MOST_LETTERS, letters

_NAMESPACE = re.compile(r"\*?[-a-z0-9]*\*?\Z")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"})


def check_possible(of: str, value: str, path: Path) -> Iterator[Finding]:
    """A value that can be met. `of`: the name of the list; what is not known is not judged."""
    why = _WHY.get(of, _nothing)(value)
    if why:
        message, tip = why
        yield warning("M2920", path, f"no request has {value!r}: {message}", tip)
    if of == "paths" and letters(value) > MOST_LETTERS:
        message = (
            f"escapes with {letters(value)} letters are compared as they stand, and requests may write them otherwise"
        )
        yield warning("M2921", path, message, "name a part of the path that has fewer, with '*'")


Why = tuple[str, str] | None
"""What is wrong, and what to do."""


def _nothing(_: str) -> Why:
    return None


def _path(value: str) -> Why:
    if "?" in value or "#" in value:
        return "paths are compared without what '?' or '#' begins", "leave it out, or ask for 'request.headers[:path]'"
    if value and not value.startswith(("/", "*")):
        return "every path begins with '/'", f"write '/{value}'"
    return None


def _method(value: str) -> Why:
    capitals = value.upper()
    if value != capitals and capitals in _METHODS:
        return "letters count", f"write '{capitals}'"
    return None


def _host(value: str) -> Why:
    if "/" in value:
        return "hosts are compared without scheme and path", "write the name alone, with ':PORT' if callers say it"
    return None


def _principal(value: str) -> Why:
    if value.startswith("spiffe:"):
        return "principals are written without their scheme", f"write '{value.removeprefix('spiffe://')}'"
    return None


def _address(value: str) -> Why:
    if ":" in value and is_subnet(value) and (mapped := IPv6Address(value.partition("/")[0]).ipv4_mapped):
        return "addresses of IPv4 are compared as such", f"write '{mapped}', with a range that fits"
    return None


def _namespace(value: str) -> Why:
    if not _NAMESPACE.match(value):
        return "this is no name of a namespace", "write small letters, digits and '-'"
    return None


_WHY: Mapping[str, Callable[[str], Why]] = {
    "paths": _path,
    "methods": _method,
    "hosts": _host,
    "principals": _principal,
    "namespaces": _namespace,
    "addresses": _address,
}
