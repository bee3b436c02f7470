"""tcp-echo: sends every line back behind a prefix.

Place:  samples
Args:   PORT[,PORT…] PREFIX
Source: Istio, samples/tcp-echo.
"""

import socketserver
import sys
import threading
from collections.abc import Sequence


def server(port: int, prefix: str) -> socketserver.TCPServer:
    """A server that is bound, not yet serving. Raises OSError where the port is taken."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                # A last line without an end is no request.
                if not line.endswith(b"\n"):
                    return
                print(f"request: {line.decode(errors='replace')}", end="", flush=True)
                self.wfile.write(f"{prefix} ".encode() + line)

    return _Server(("", port), Handler)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def main(arguments: Sequence[str]) -> None:
    """Serve on every port until killed."""
    ports, prefix = arguments
    servers = [server(int(port), prefix) for port in ports.split(",")]
    threads = [threading.Thread(target=one.serve_forever) for one in servers]
    for thread in threads:
        thread.start()
    print(f"listening on {ports}, prefix: {prefix}", flush=True)
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1:])
