"""The price of a loaf: what the environment variable PRICE says."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Price(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["PRICE"].encode())


ThreadingHTTPServer(("", 8080), Price).serve_forever()
