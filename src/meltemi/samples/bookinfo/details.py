"""details: what is known of a book, by itself or (v2) asked of a book service outside the mesh.

Place:  samples/bookinfo · called by productpage
Env:    ENABLE_EXTERNAL_BOOK_SERVICE=true asks www.googleapis.com; DO_NOT_ENCRYPT=true leaves TLS to the sidecar
"""

import json
import os
import ssl
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any

from meltemi.samples.bookinfo.headers import propagated
from meltemi.samples.server import Reply, Request, port_argument, serve

BOOK_SERVICE = "www.googleapis.com"
ISBN = "0486424618"  # The Comedy of Errors, Dover
TIMEOUT = 5.0


def details(request: Request) -> Reply:
    """Answer /health and /details/NUMBER."""
    if request.path == "/health":
        return Reply({"status": "Details is healthy"})
    head, _, number = request.path.rpartition("/")
    if head != "/details" or not number.isdecimal():
        return Reply({"error": "please provide numeric product id"}, status=400)
    if os.environ.get("ENABLE_EXTERNAL_BOOK_SERVICE") != "true":
        return Reply(_own(int(number)))
    try:
        return Reply(_from_book_service(int(number), propagated(request.headers)))
    except (OSError, HTTPException, LookupError, ValueError) as problem:
        return Reply({"error": f"the book service gave no details: {problem}"}, status=500)


def _own(number: int) -> dict[str, object]:
    return {
        "id": number,
        "author": "William Shakespeare",
        "year": 1595,
        "type": "paperback",
        "pages": 200,
        "publisher": "PublisherA",
        "language": "English",
        "ISBN-10": "1234567890",
        "ISBN-13": "123-1234567890",
    }


def _from_book_service(number: int, headers: Mapping[str, str]) -> dict[str, object]:
    connection = _connection()
    try:
        connection.request("GET", f"/books/v1/volumes?q=isbn:{ISBN}", headers={**headers, "Host": BOOK_SERVICE})
        book: dict[str, Any] = json.loads(connection.getresponse().read())["items"][0]["volumeInfo"]
    finally:
        connection.close()
    isbns = {entry["type"]: entry["identifier"] for entry in book["industryIdentifiers"]}
    return {
        "id": number,
        "author": book["authors"][0],
        "year": book["publishedDate"],
        "type": "paperback" if book["printType"] == "BOOK" else "unknown",
        "pages": book["pageCount"],
        "publisher": book["publisher"],
        "language": "English" if book["language"] == "en" else "unknown",
        "ISBN-10": isbns["ISBN_10"],
        "ISBN-13": isbns["ISBN_13"],
    }


def _connection() -> HTTPConnection:
    if os.environ.get("DO_NOT_ENCRYPT") == "true":
        return HTTPConnection(BOOK_SERVICE, 80, timeout=TIMEOUT)
    return HTTPSConnection(BOOK_SERVICE, 443, timeout=TIMEOUT, context=ssl.create_default_context())


if __name__ == "__main__":
    serve(details, port_argument())
