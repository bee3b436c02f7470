"""The world outside the mesh: HTTPS on 443, HTTP on 80, and DNS on 53 for the names that are given.

`python outside.py CERTIFICATE KEY ADDRESS NAME…`. Every page says which name it was called by, but for the book
service's, which knows one book.
"""

import json
import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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
        books = self.path.startswith("/books/v1/volumes")
        text = json.dumps({"items": [{"volumeInfo": BOOK}]}) if books else f"outside {self.headers['Host']}\n"
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def answer_names(address: str, names: frozenset[str]) -> None:
    """Every name that is known has this address; no other exists."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("", 53))
    while True:
        data, peer = server.recvfrom(4096)
        question = dns.message.from_wire(data)
        asked = question.question[0]
        said = dns.message.make_response(question)
        said.flags |= dns.flags.AA
        if asked.name.to_text(omit_final_dot=True) not in names:
            said.set_rcode(dns.rcode.NXDOMAIN)
        elif asked.rdtype == dns.rdatatype.A:
            said.answer.append(dns.rrset.from_text(asked.name, 5, "IN", "A", address))
        server.sendto(said.to_wire(), peer)


def main() -> None:
    certificate, key, address, *names = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    tls = ThreadingHTTPServer(("", 443), Handler)
    tls.socket = context.wrap_socket(tls.socket, server_side=True)
    threading.Thread(target=tls.serve_forever, daemon=True).start()
    threading.Thread(target=answer_names, args=(address, frozenset(names)), daemon=True).start()
    ThreadingHTTPServer(("", 80), Handler).serve_forever()


if __name__ == "__main__":
    main()
