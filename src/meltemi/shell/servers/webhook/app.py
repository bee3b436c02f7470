"""Injection and validation for a real API server, over TLS.

Place:  servers/webhook · kube-apiserver → [app] → review; served on 127.0.0.1 by apps/control_plane
"""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from meltemi.shell.servers.api.admission import Injector, Validate
from meltemi.shell.servers.api.serve import QuietServer
from meltemi.shell.servers.webhook.review import Request, Review, injected, validated, with_name

INJECT, VALIDATE = "/inject", "/validate"

LabelsOf = Callable[[str], Awaitable[Mapping[str, str]]]
"""The labels of a namespace; empty where there is none."""


def create_app(*, inject: Injector, validate: Validate, labels_of: LabelsOf) -> Starlette:
    """The two webhooks."""

    async def do_inject(request: HttpRequest) -> Response:
        asked = await _read(request)
        before = asked.object or {}
        pod = with_name(before)
        answer = inject(pod, namespace=asked.namespace, namespace_labels=await labels_of(asked.namespace))
        return _answer(injected(asked, before, pod, answer))

    async def do_validate(request: HttpRequest) -> Response:
        return _answer(validated(await _read(request), validate))

    routes = [Route(INJECT, do_inject, methods=["POST"]), Route(VALIDATE, do_validate, methods=["POST"])]
    return Starlette(routes=routes, exception_handlers={msgspec.DecodeError: _unreadable})


async def serve_tls(app: Starlette, port: int, certificate: Path, key: Path) -> None:
    """Serve on a port of 127.0.0.1 until cancelled."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="off",
        timeout_graceful_shutdown=1, ssl_certfile=certificate, ssl_keyfile=key, ssl_version=ssl.PROTOCOL_TLS_SERVER,
    )  # fmt: skip
    server = QuietServer(config)
    try:
        await server.serve()
    finally:
        server.should_exit = True


async def _read(request: HttpRequest) -> Request:
    return msgspec.json.decode(await request.body(), type=Review).request


def _answer(tree: object) -> Response:
    return Response(msgspec.json.encode(tree), media_type="application/json")


async def _unreadable(request: HttpRequest, problem: Exception) -> Response:
    return Response(f"the review cannot be read: {problem}", status_code=400)
