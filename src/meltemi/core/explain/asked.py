"""A request, or a connection of bytes, as a user describes it.

Place:  words of a command or of the API → [explain/asked] → explain/{fits,decide}

What is not said is not guessed: a rule that asks for it is undecided. Two things are known without being said: a caller
who is not named has no certificate, and headers and claims that are not named are not there.
"""

import re
from ipaddress import ip_address
from typing import Any

import msgspec

from meltemi.core.identity.spiffe import SCHEME, Identity, parse
from meltemi.core.model.value import Value

_ADDRESS = re.compile(r"https?://([^/?#]+)(.*)")
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNPLAIN = re.compile(r"\\|/\.\.?(?:/|$)|%(?:2[dDeEfF]|5[cCfF]|7[eE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA])|[^!-~]")
"""What path normalisation would change, in a path without its query."""
OWN_HEADERS = ("x-forwarded-", "x-envoy-", "x-request-id", "x-b3-", "traceparent")
"""Headers that proxies make: whether they are there is not known if nobody says so."""

JOINED = frozenset({
    "accept", "accept-encoding", "access-control-request-method", "authorization", "cache-control", "content-encoding",
    "content-type", "expect", "grpc-timeout", "if-match", "origin", "pragma", "referer", "user-agent", "via",
})  # fmt: skip
"""Of these Envoy makes one line of several, as it does of the host; of others each value is compared. Source: measured
(tests/e2e/fields/test_explained.py)."""


class Words(Value, frozen=True, kw_only=True):
    """What a user says, as it is written."""

    request: str = ""
    """`METHOD /path` or `METHOD http://host/path`; empty: a connection of bytes."""
    caller: str = ""
    """`namespace/serviceaccount`, or a principal; empty: who has no certificate."""
    headers: tuple[str, ...] = ()
    """`Name: value`."""
    claims: tuple[str, ...] = ()
    """`name=value`, the value as JSON or as text: of a sound token."""
    port: int | None = None
    """Of the workload."""
    server_name: str | None = None
    source_ip: str = ""
    remote_ip: str = ""


class Asked(Value, frozen=True, kw_only=True):
    """What reaches the workload's proxy. None, or an empty address: not said."""

    caller: Identity | None = None
    """None: nobody with a certificate."""
    method: str = ""
    """Empty: bytes."""
    path: str = ""
    """With its query."""
    host: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Names in lower case, sorted; a name stands there as often as it was written."""
    claims: tuple[tuple[str, Any], ...] | None = None
    """None: no token."""
    port: int | None = None
    server_name: str | None = None
    source: str = ""
    remote: str = ""
    destination: tuple[str, ...] = ()

    @property
    def plain_path(self) -> str:
        """Without query and fragment."""
        return re.split(r"[?#]", self.path, maxsplit=1)[0]

    @property
    def sni(self) -> str | None:
        """The server name of the caller's TLS; without TLS there is none."""
        return "" if self.server_name is None and self.caller is None else self.server_name

    def header(self, name: str) -> tuple[bool, tuple[str, ...]]:
        """(whether it is known, its values, none where it is not there)."""
        name = name.lower()
        own = {":method": self.method, ":path": self.path, ":authority": self.host, "host": self.host}
        if name in own:
            value = own[name]
            return value is not None, (value,) if value is not None else ()
        values = tuple(value for one, value in self.headers if one == name)
        if name.startswith(OWN_HEADERS):
            return len(values) == 1, values
        return True, (",".join(values),) if values and name in JOINED else values


def asked(words: Words, trust_domain: str, destination: tuple[str, ...] = ()) -> Asked:
    """Understand a description. `destination`: the workload's addresses. Raises ValueError that says what is wrong."""
    method, host, path = _request(words.request) if words.request else ("", None, "")
    if not words.request and (words.headers or words.claims):
        raise ValueError("headers and claims are of requests: say which, as in --request 'GET /path'")
    if words.port is not None and not 0 < words.port <= 65535:
        raise ValueError(f"{words.port} is no port")
    headers = _headers(words.headers)
    hosts = [value for name, value in headers if name == "host"]
    return Asked(
        caller=_caller(words.caller, trust_domain) if words.caller else None,
        method=method,
        path=path,
        host=",".join(hosts) if hosts else host,
        headers=tuple(one for one in headers if one[0] != "host"),
        claims=_claims(words.claims) if words.claims else None,
        port=words.port,
        server_name=words.server_name,
        source=_address(words.source_ip),
        remote=_address(words.remote_ip),
        destination=destination,
    )


def _request(text: str) -> tuple[str, str | None, str]:
    method, _, target = text.strip().partition(" ")
    target = target.strip()
    if not _METHOD.fullmatch(method) or not target:
        raise ValueError(f"{text!r} is no request: write 'GET /path' or 'GET http://host/path'")
    host, path = None, target
    if address := _ADDRESS.fullmatch(target):
        host, path = address[1], address[2] if address[2].startswith("/") else f"/{address[2]}"
    if not path.startswith("/"):
        raise ValueError(f"{target!r} is neither a path, which begins with '/', nor an address with http")
    if "#" in path:
        raise ValueError(f"a request has no '#' in its path: to {path!r} the proxy answers 400")
    if wrong := _UNPLAIN.search(re.split(r"[?#]", path, maxsplit=1)[0]):
        raise ValueError(f"rules see paths as the application does: write {path!r} without {wrong[0]!r}")
    return method, host, path


def _caller(word: str, trust_domain: str) -> Identity:
    name = word.removeprefix(SCHEME)
    namespace, slash, account = name.partition("/")
    short = slash and "/" not in account
    found = parse(f"{SCHEME}{trust_domain}/ns/{namespace}/sa/{account}" if short else SCHEME + name)
    if found is None:
        raise ValueError(f"{word!r} is no caller: write 'namespace/serviceaccount' or 'domain/ns/…/sa/…'")
    return found


def _headers(lines: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon or not _METHOD.fullmatch(name):
            raise ValueError(f"{line!r} is no header: write 'Name: value'")
        found.append((name, value))
    return tuple(sorted(found))


def _claims(words: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ValueError(f"{word!r} is no claim: write 'name=value'")
        try:
            found[name] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            found[name] = value
    return tuple(sorted(found.items()))


def _address(word: str) -> str:
    """Raises ValueError, in the words of `ipaddress`."""
    return str(ip_address(word)) if word else ""
