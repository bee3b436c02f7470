"""Calls of an API on a Unix socket, one at a time: for the command line.

Place:  shell · apps/cli → [client] → api.sock or node.sock
"""

import socket
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import msgspec

from meltemi.shell.pids import alive
from meltemi.shell.sockets import short

PATIENCE = 60.0
"""Seconds that an answer may take, where the caller does not say otherwise."""


SUPERVISOR = "meltemi.apps.supervisor"
"""Keeps the control plane and the node running."""
RESTART = 15.0
"""Seconds that a control plane may be away whose supervisor lives: it is being started again."""


class UnreachableError(Exception):
    """Nobody answers on the socket. The text says what to do."""

    explained = True


class RefusedError(Exception):
    """The server answered with a Status."""

    explained = True

    def __init__(self, code: int, body: Mapping[str, Any]) -> None:
        super().__init__(str(body.get("message") or f"the server answered {code}"))
        self.code = code
        self.body = body

    @property
    def reason(self) -> str:
        """Kubernetes' word for what went wrong."""
        return str(self.body.get("reason") or "")


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path, patience: float | None) -> None:
        super().__init__("localhost", timeout=patience)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with short(self._path) as address:
            self.sock.connect(address)


class Client:
    """Talks to one socket."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, path: str, query: Mapping[str, object] | None = None, *, patience: float = PATIENCE) -> Any:
        """The answer, decoded. Raises UnreachableError, RefusedError."""
        return self.call("GET", path, query=query, patience=patience)

    def call(
        self, method: str, path: str, body: object = None, *, query: Mapping[str, object] | None = None,
        content_type: str = "application/json", patience: float = PATIENCE,
    ) -> Any:  # fmt: skip
        """Send a value as JSON; the answer, decoded. Raises UnreachableError, RefusedError."""
        request = (method, _url(path, query), body, content_type)
        with _Answer(self.path, request, patience) as response:
            return msgspec.json.decode(response.read() or b"null")

    def lines(self, path: str, query: Mapping[str, object] | None = None) -> Iterator[Any]:
        """Each line of an answer that does not end. Raises UnreachableError, RefusedError."""
        with _Answer(self.path, ("GET", _url(path, query), None, ""), None) as response:
            for line in response:
                yield msgspec.json.decode(line)


class _Answer:
    """One request and its response; closed on exit."""

    def __init__(self, socket_path: Path, request: tuple[str, str, object, str], patience: float | None) -> None:
        method, url, body, content_type = request
        self._path = socket_path
        self._request = (method, url, None if body is None else msgspec.json.encode(body))
        self._headers = {"Content-Type": content_type} if body is not None else {}
        self._connection = _UnixConnection(socket_path, patience)

    def __enter__(self) -> HTTPResponse:
        end = time.monotonic() + RESTART
        while True:
            try:
                return self._answer()
            except TimeoutError as problem:
                raise UnreachableError(_why(self._path, problem)) from problem
            except (OSError, HTTPException) as problem:
                self._connection.close()
                if time.monotonic() > end or not (self._may_repeat(problem) and _comes_back(self._path)):
                    raise UnreachableError(_why(self._path, problem)) from problem
                time.sleep(0.1)

    def _answer(self) -> HTTPResponse:
        self._connection.request(*self._request, headers=self._headers)
        response = self._connection.getresponse()
        if response.status >= 400:
            raise RefusedError(response.status, _status(response.read()))
        return response

    def _may_repeat(self, problem: Exception) -> bool:
        """Nobody heard it, or to do it twice is to do it once."""
        method, url, _ = self._request
        unheard = isinstance(problem, ConnectionRefusedError | FileNotFoundError)
        return unheard or method != "POST" or url.startswith("/meltemi/v1/apply")

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


def _comes_back(path: Path) -> bool:
    """Whether a supervisor lives that will start the server again."""
    return alive(path.parent / "supervisor.pid", SUPERVISOR)


def _status(body: bytes) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return {"message": body[:500].decode(errors="replace")}


def _why(path: Path, problem: Exception) -> str:
    if isinstance(problem, TimeoutError):
        return f"no answer in time on {path}\n  help: is the machine overloaded? see {path.parent}/control-plane.log"
    return (
        f"no mesh answers on {path} ({problem})\n"
        "  help: start one with 'meltemi up', or name its directory with '--state'"
    )


def _url(path: str, query: Mapping[str, object] | None) -> str:
    said = {name: value for name, value in (query or {}).items() if value not in (None, "")}
    return f"{path}?{urlencode(said)}" if said else path
