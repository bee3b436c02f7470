"""websockets: /ws is a WebSocket, /api?id=&value= sends to all who are connected, / is a page that shows it.

Place:  samples/websockets
Args:   [PORT]
"""

import contextlib
import json
import socket
import threading
from io import BufferedIOBase

from meltemi.samples.server import Reply, Request, port_argument, serve
from meltemi.samples.websockets.frames import CLOSE, PING, PONG, TEXT, Frame, accept_key, read, written

PAGE = """<!DOCTYPE html><html lang=en><title>tornado WebSocket example</title>
<h1>tornado WebSocket example</h1><p id=state>connecting</p><table border=1><tbody id=rows></table>
<script>
const socket = new WebSocket((location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/ws");
const say = (text) => (document.getElementById("state").textContent = text);
socket.onopen = () => say("connected"); socket.onclose = () => say("closed");
socket.onmessage = (event) => {
  const said = JSON.parse(event.data), id = "row-" + said.id, rows = document.getElementById("rows");
  const row = document.getElementById(id) || Object.assign(rows.insertRow(), { id });
  const cell = (text) => Object.assign(document.createElement("td"), { textContent: text });
  row.replaceChildren(cell(said.id), cell(said.value));
};
</script></html>"""


class Connected:
    """Who listens. Every write to a socket is under the lock, so frames do not mix."""

    def __init__(self) -> None:
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()

    def join(self, one: socket.socket, greeting: bytes) -> None:
        """From now on it hears all; nothing comes before the greeting."""
        with self._lock:
            one.sendall(greeting)
            self._sockets.add(one)

    def leave(self, one: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(one)

    def tell(self, frame: Frame, only: socket.socket | None = None) -> None:
        """Send to one, or to all; who is gone is passed over."""
        with self._lock:
            for one in [only] if only else self._sockets:
                with contextlib.suppress(OSError):
                    one.sendall(written(frame))


connected = Connected()


def tornado(request: Request) -> Reply:
    """Answer / and /api."""
    if request.path == "/":
        return Reply(PAGE)
    if request.path != "/api":
        return Reply("not found", status=404)
    said = {name: request.query.get(name, [""])[0] for name in ("id", "value")}
    connected.tell(Frame(TEXT, json.dumps(said).encode()))
    return Reply("")


def upgrade(request: Request, connection: socket.socket, source: BufferedIOBase) -> bool:
    """Be a WebSocket on /ws until the client leaves."""
    key = request.headers.get("sec-websocket-key")
    if request.path != "/ws" or not key or request.headers.get("upgrade", "").lower() != "websocket":
        return False
    # Who listens may say nothing for as long as they like.
    connection.settimeout(None)
    head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    try:
        connected.join(connection, f"{head}Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode())
        _listen(connection, source)
    except (OSError, ValueError) as problem:
        print(f"a connection ended: {problem}", flush=True)
    finally:
        connected.leave(connection)
    return True


def _listen(connection: socket.socket, source: BufferedIOBase) -> None:
    while frame := read(source):
        if frame.kind == PING:
            connected.tell(Frame(PONG, frame.body), connection)
        elif frame.kind == CLOSE:
            connected.tell(Frame(CLOSE, frame.body[:2]), connection)
            return


if __name__ == "__main__":
    serve(tornado, port_argument(8888), upgrade)
