"""The world outside the mesh: HTTPS on 443, HTTP on 80, a greeting on 7000, and DNS on 53 for the names that are given.

`python outside.py CERTIFICATE KEY NAME=ADDRESS…`. The greeting is the address that was called. Every page says which
name it was called by, but for the book service's, which knows one book, and `/tls`, which tells what TLS said.
"""

import json
import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, ThreadingTCPServer

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

BOOK = {
    "authors": ["W. Shakespeare of the outside"],
    "publishedDate": "2002-01-01",
    "printType": "BOOK",
    "pageCount": 64,
    "publisher": "Outside Press",
    "language": "en",
    "industryIdentifiers": [
        {"type": "ISBN_10", "identifier": "0486424618"},
        {"type": "ISBN_13", "identifier": "9780486424613"},
    ],
}


class Handler(BaseHTTPRequestHandler):
    """Says which name it was called by, or gives the book."""

    def do_GET(self) -> None:
        if self.path == "/tls":
            self._answer(f"outside asked for {getattr(self.connection, 'asked', '-')} by {_peer(self.connection)}\n")
            return
        books = self.path.startswith("/books/v1/volumes")
        text = json.dumps({"items": [{"volumeInfo": BOOK}]}) if books else f"outside {self.headers['Host']}\n"
        self._answer(text)

    def _answer(self, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _peer(connection: socket.socket) -> str:
    """The serial number of the client's certificate; empty where it showed none."""
    shown = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    return str(shown.get("serialNumber", "")) if shown else "nobody"


def note_name(connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    """Keep what a client asks for."""
    connection.asked = name  # pyright: ignore[reportAttributeAccessIssue]


class Greeter(BaseRequestHandler):
    """Speaks first, as databases do."""

    def handle(self) -> None:
        self.request.sendall(f"greetings from {self.request.getsockname()[0]}\n".encode())


def answer_names(names: dict[str, str]) -> None:
    """Every name that is known has its address; no other exists."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("", 53))
    while True:
        data, peer = server.recvfrom(4096)
        question = dns.message.from_wire(data)
        asked = question.question[0]
        said = dns.message.make_response(question)
        said.flags |= dns.flags.AA
        address = names.get(asked.name.to_text(omit_final_dot=True))
        if address is None:
            said.set_rcode(dns.rcode.NXDOMAIN)
        elif asked.rdtype == dns.rdatatype.A:
            said.answer.append(dns.rrset.from_text(asked.name, 5, "IN", "A", address))
        server.sendto(said.to_wire(), peer)


def main() -> None:
    certificate, key, *named = sys.argv[1:]
    names = dict(name.split("=") for name in named)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.sni_callback = note_name
    tls = ThreadingHTTPServer(("", 443), Handler)
    tls.socket = context.wrap_socket(tls.socket, server_side=True)
    threading.Thread(target=tls.serve_forever, daemon=True).start()
    threading.Thread(target=answer_names, args=(names,), daemon=True).start()
    threading.Thread(target=ThreadingTCPServer(("", 7000), Greeter).serve_forever, daemon=True).start()
    ThreadingHTTPServer(("", 80), Handler).serve_forever()


if __name__ == "__main__":
    main()
