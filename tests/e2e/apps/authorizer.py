"""Says who may: `python authorizer.py HTTP_PORT GRPC_PORT`, both forms of Envoy's external authorization.

A request may with the header `x-let-in: yes`; `x-let-in: late` is answered after two seconds, `x-let-in: never` with an
error. A connection of bytes may after GET /bytes/yes and before GET /bytes/no. GET /asked says as JSON what was asked
last, over HTTP or over gRPC.
"""

import asyncio
import json
import sys
from typing import Any

import grpc
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from google.protobuf.json_format import MessageToDict, ParseDict

LATE = 2.0
ASKED: dict[str, Any] = {}
BYTES = {"in": False}


async def main(http: int, grpc_port: int) -> None:
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(check, CheckRequest.FromString, CheckResponse.SerializeToString)
    service = grpc.method_handlers_generic_handler("envoy.service.auth.v3.Authorization", {"Check": handler})
    server.add_generic_rpc_handlers((service,))
    server.add_insecure_port(f"0.0.0.0:{grpc_port}")
    await server.start()
    await asyncio.start_server(serve, "0.0.0.0", http)
    await server.wait_for_termination()


async def check(request: CheckRequest, context: Any) -> CheckResponse:
    """One question over gRPC."""
    asked = request.attributes.request.http
    note(MessageToDict(request.attributes))
    if not request.attributes.request.HasField("http"):
        return answer({"status": {"code": 0 if BYTES["in"] else 7}})
    word = asked.headers.get("x-let-in", "")
    await late(word)
    if word == "never":
        await context.abort(grpc.StatusCode.INTERNAL, "asked to fail")
    said = [{"header": {"key": "x-said", "value": "grpc"}}]
    if word in ("yes", "late"):
        return answer({"status": {"code": 0}, "okResponse": {"headers": said, "responseHeadersToAdd": said}})
    return answer({"status": {"code": 7}, "deniedResponse": {"status": {"code": 401}, "headers": said, "body": "no"}})


def answer(tree: dict[str, Any]) -> CheckResponse:
    return ParseDict(tree, CheckResponse())


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Questions over HTTP, one after the other on a connection."""
    while True:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError:
            return
        method, path, _ = head[0].split()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        status, told, answer = await decide(method, path, headers, body)
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        writer.write(f"HTTP/1.1 {status} Said\r\n{lines}content-length: {len(answer)}\r\n\r\n{answer}".encode())
        await writer.drain()


async def decide(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], str]:
    """(status, headers, body) of the answer to one question."""
    if path == "/asked":
        return 200, {}, json.dumps(ASKED)
    if path.startswith("/bytes/"):
        BYTES["in"] = path == "/bytes/yes"
        return 200, {}, ""
    note({"method": method, "path": path, "headers": headers, "body": body.decode("latin-1")})
    word = headers.get("x-let-in", "")
    await late(word)
    status = {"yes": 200, "late": 200, "never": 503}.get(word, 403)
    return status, {"x-said": "http", "x-more": "more", "x-kept": "kept"}, "" if status == 200 else "no"


async def late(word: str) -> None:
    if word == "late":
        await asyncio.sleep(LATE)


def note(asked: dict[str, Any]) -> None:
    ASKED.clear()
    ASKED.update(asked)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
