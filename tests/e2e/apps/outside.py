"""A server outside the mesh: HTTPS on 443 and HTTP on 80. `python outside.py CERTIFICATE KEY`."""

import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Says which name it was called by."""

    def do_GET(self) -> None:
        body = f"outside {self.headers['Host']}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    certificate, key = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    tls = ThreadingHTTPServer(("", 443), Handler)
    tls.socket = context.wrap_socket(tls.socket, server_side=True)
    threading.Thread(target=tls.serve_forever, daemon=True).start()
    ThreadingHTTPServer(("", 80), Handler).serve_forever()


if __name__ == "__main__":
    main()
