"""As much of MongoDB's wire protocol as a driver needs to read and fill one collection: the real driver speaks to it.

Source: MongoDB, "Wire Protocol", OP_MSG; OP_QUERY of the first hello.
"""

import socketserver
import struct
from collections.abc import Generator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import bson

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
HELLO = {
    "ok": 1.0, "ismaster": True, "isWritablePrimary": True, "helloOk": True, "maxBsonObjectSize": 16_777_216,
    "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "minWireVersion": 0, "maxWireVersion": 21,
}  # fmt: skip
Document = dict[str, Any]


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        while head := self.rfile.read(16):
            length, number, _, code = struct.unpack("<iiii", head)
            body = self.rfile.read(length - 16)
            if code == OP_QUERY:
                reply = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(HELLO)
                self._send(OP_REPLY, number, reply)
            else:
                answer = self.server.answer(_command(body))
                self._send(OP_MSG, number, struct.pack("<iB", 0, 0) + bson.encode(answer))

    def _send(self, code: int, number: int, body: bytes) -> None:
        self.wfile.write(struct.pack("<iiii", 16 + len(body), 1, number, code) + body)


def _command(body: bytes) -> Document:
    """Of OP_MSG: the document, with the sequences that stand beside it."""
    (size,) = struct.unpack_from("<i", body, 5)
    command: Document = bson.decode(body[5 : 5 + size])  # pyright: ignore[reportUnknownMemberType]
    rest = body[5 + size :]
    while rest:
        (size,) = struct.unpack_from("<i", rest, 1)
        name, _, documents = rest[5 : 1 + size].partition(b"\0")
        command[name.decode()] = bson.decode_all(documents)  # pyright: ignore[reportUnknownMemberType]
        rest = rest[1 + size :]
    return command


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, documents: list[Document]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.documents = documents

    def answer(self, command: Document) -> Document:
        verb = next(iter(command))
        if verb == "insert":
            self.documents += command["documents"]
            return {"ok": 1.0, "n": len(command["documents"])}
        if verb == "find":
            found = self.documents
        elif verb == "aggregate":  # what the driver counts by
            found = [{"_id": 1, "n": len(self.documents)}] if self.documents else []
        else:
            return HELLO
        return {"ok": 1.0, "cursor": {"id": 0, "ns": f"test.{command[verb]}", "firstBatch": found}}


@contextmanager
def mongo_server(*documents: Document) -> Generator[tuple[str, list[Document]]]:
    """Serve a collection; gives the URL of its database, and the documents."""
    with _Server(list(documents)) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"mongodb://127.0.0.1:{server.server_address[1]}/test", server.documents
        server.shutdown()
        thread.join()
