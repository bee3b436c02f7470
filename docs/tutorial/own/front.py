"""The front: asks price what a loaf costs, and says so."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen


class Front(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        with urlopen("http://price:8080/", timeout=5) as answer:
            price = answer.read().decode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"a loaf costs {price}\n".encode())


ThreadingHTTPServer(("", 8080), Front).serve_forever()
