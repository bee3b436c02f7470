"""The kubelet's port: logs, exec and port-forward for the API server, and for nobody else.

Place:  shell/runtime · kube-apiserver → [kubelet_api/server] → logs, execute, forward
Source: Kubernetes, pkg/kubelet/server: the paths and how connections are upgraded
"""

import asyncio
import ssl
from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import h11
import structlog

from meltemi.core.model.document import Key
from meltemi.core.model.value import Value
from meltemi.shell.runtime.kubelet_api import execute, forward
from meltemi.shell.runtime.kubelet_api.exchange import Exchange, Refusal
from meltemi.shell.runtime.kubelet_api.logs import read_log, wanted
from meltemi.shell.runtime.kubelet_api.session import Session
from meltemi.shell.runtime.node_client import NodeError, command_line
from meltemi.shell.runtime.sandbox import PID
from meltemi.shell.runtime.world import World

log: Any = structlog.get_logger(__name__)

CALLER = "kube-apiserver-kubelet-client"
"""The name in the certificate of who may come here: the API server has asked already whether its caller may."""
CLOSING = 5.0
"""Seconds that the other end gets to take the last bytes."""

Query = Mapping[str, Sequence[str]]


class Certificates(Value, frozen=True, kw_only=True):
    """Files in PEM."""

    certificate: Path
    key: Path
    authority: Path
    """Who must have signed the caller's."""


class KubeletApi:
    """Serves what runs below a state directory."""

    def __init__(self, state: Path, world: World) -> None:
        self._state = state
        self._world = world

    async def serve(self, address: str, port: int, files: Certificates) -> None:
        """Listen until cancelled. Raises OSError."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files.authority)
        context.load_cert_chain(files.certificate, files.key)
        context.verify_mode = ssl.CERT_REQUIRED
        server = await asyncio.start_server(self._met, address, port, ssl=context)
        try:
            async with server:
                await server.serve_forever()
        finally:
            server.close()

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection carries one request."""
        exchange = Exchange(reader, writer)
        try:
            request = await exchange.request()
            if not exchange.is_called(CALLER):
                raise Refusal(403, "only the API server is served here")
            await self._answer(request, exchange)
        except Refusal as refusal:
            await exchange.say(refusal.code, str(refusal))
        except (OSError, EOFError, h11.ProtocolError, asyncio.CancelledError):
            pass  # the caller has left, or the node stops; nobody waits for this task
        except Exception:
            log.exception("a request of the API server failed")
        finally:
            writer.close()

    async def _answer(self, request: h11.Request, exchange: Exchange) -> None:
        url = urlsplit(request.target.decode())
        query = parse_qs(url.query, keep_blank_values=True)
        match [unquote(part) for part in url.path.strip("/").split("/")]:
            case ["healthz"]:
                await exchange.say(200, "ok")
            case ["containerLogs", namespace, pod, container]:
                await self._logs(self._pod(namespace, pod), container, query, exchange)
            case ["exec", namespace, pod, container] | ["exec", namespace, pod, _, container]:
                asked = await asyncio.to_thread(self._asked, self._pod(namespace, pod), container, query)
                session, first = await exchange.upgrade(request, execute.PROTOCOL)
                await _during(session, first, execute.execute(session, asked))
            case ["portForward", namespace, pod] | ["portForward", namespace, pod, _]:
                number = self._pid(self._pod(namespace, pod))
                session, first = await exchange.upgrade(request, forward.PROTOCOL)
                await _during(session, first, forward.forward(session, number))
            case ["attach", *_]:
                raise Refusal(501, "attach is not served here; use 'kubectl logs -f' or 'kubectl exec -it'")
            case _:
                raise Refusal(404, f"{url.path} is not served here")

    async def _logs(self, pod: Mapping[str, Any], container: str, query: Query, exchange: Exchange) -> None:
        try:
            asked = wanted({name: values[0] for name, values in query.items()}, datetime.now(UTC))
        except ValueError as problem:
            raise Refusal(400, str(problem)) from None
        if container not in _containers(pod):
            raise Refusal(404, f"the pod has no container {container!r}; there are {', '.join(_containers(pod))}")
        file = self._state / "pods" / pod["metadata"]["uid"] / "logs" / f"{container}.log"
        life = _status(pod, container).get("restartCount")

        def ended() -> bool:
            now = self._world.objects.get(_key(pod))
            if now is None or exchange.left:
                return True
            status = _status(now.tree, container)
            return status.get("restartCount") != life or "terminated" in status.get("state", ())

        lines = read_log(file, asked, ended)
        try:
            first = await anext(lines, b"")
        except FileNotFoundError:
            raise Refusal(404, f"container {container!r} has written nothing here") from None
        await exchange.begin()
        await exchange.more(first)
        async for line in lines:
            await exchange.more(line)
        await exchange.end()

    def _asked(self, pod: Mapping[str, Any], container: str, query: Query) -> execute.Asked:
        streams, tty = execute.streams_of(query)
        try:
            uid, command = pod["metadata"]["uid"], query.get("command") or ()
            line, given = command_line(self._state, uid, container, command, terminal=tty)
        except NodeError as problem:
            raise Refusal(404, str(problem)) from None
        return execute.Asked(command=tuple(line), environment=tuple(given.items()), streams=streams, tty=tty)

    def _pid(self, pod: Mapping[str, Any]) -> int:
        try:
            return int((self._state / "pods" / pod["metadata"]["uid"] / PID).read_text())
        except (OSError, ValueError):
            raise Refusal(404, "the pod does not run here") from None

    def _pod(self, namespace: str, name: str) -> Mapping[str, Any]:
        found = self._world.objects.get(Key(group="", kind="Pod", namespace=namespace, name=name))
        if found is None:
            raise Refusal(404, f"pod '{namespace}/{name}' is not here")
        return found.tree


async def _during(session: Session, first: bytes, work: Coroutine[Any, Any, None]) -> None:
    """Do what is asked while the connection is read; then let the other end take the last bytes and close."""
    try:
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(session.run(first))
            working = tasks.create_task(work)
            await asyncio.wait((reading, working), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await asyncio.wait((reading,), timeout=CLOSING)
            reading.cancel()
            working.cancel()
    except* OSError:
        pass  # the caller has left


def _key(pod: Mapping[str, Any]) -> Key:
    return Key(group="", kind="Pod", namespace=pod["metadata"]["namespace"], name=pod["metadata"]["name"])


def _containers(pod: Mapping[str, Any]) -> list[str]:
    spec: Mapping[str, Any] = pod["spec"]
    return [one["name"] for one in (*(spec.get("initContainers") or ()), *spec["containers"])]


def _status(pod: Mapping[str, Any], container: str) -> Mapping[str, Any]:
    """What the pod's status says of a container; empty where it says nothing."""
    status: Mapping[str, Any] = pod.get("status") or {}
    both = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
    nothing: Mapping[str, Any] = {}
    return next((one for one in both if one["name"] == container), nothing)
