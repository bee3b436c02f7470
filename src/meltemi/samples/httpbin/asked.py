"""What was asked, as JSON: the part of httpbin that looks at the request.

Place:  samples/httpbin · request → values, used by echo, made and moves
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qs

from meltemi.samples.server import Request


class Asked:
    """A request, and in which of the two forms lists of values are written."""

    def __init__(self, request: Request, *, plain: bool) -> None:
        self.request = request
        self.plain = plain

    def listed(self, pairs: Iterable[tuple[str, list[str]]]) -> dict[str, object]:
        """Names and values: lists always, or (plain) only where there are several."""
        return {name: values[0] if self.plain and len(values) == 1 else values for name, values in pairs}

    def first(self, name: str, default: str = "") -> str:
        """The first value of an argument."""
        return self.request.query.get(name, [default])[0]

    def args(self) -> dict[str, object]:
        return self.listed(self.request.query.items())

    def headers(self) -> dict[str, object]:
        """Names as they are written by custom, since a proxy makes them lower case."""
        found: dict[str, list[str]] = {}
        for name, value in self.request.pairs:
            found.setdefault("-".join(part.capitalize() for part in name.split("-")), []).append(value)
        if self.plain:
            return {name: ",".join(values) for name, values in sorted(found.items())}
        return dict(sorted(found.items()))

    def origin(self) -> str:
        """Who asked: the first of those for whom proxies forwarded, or who connected."""
        forwarded = self.request.headers.get("x-forwarded-for", "")
        if self.plain:
            return forwarded or self.request.client
        return forwarded.partition(",")[0].strip() or self.request.client

    def base(self) -> str:
        scheme = self.request.headers.get("x-forwarded-proto", "http")
        return f"{scheme}://{self.request.headers.get('host', '')}"

    def bare(self) -> dict[str, object]:
        """A request whose body is of no interest."""
        method = {} if self.plain else {"method": self.request.method}
        return {"args": self.args(), "headers": self.headers(), **method, "origin": self.origin(), "url": self.url()}

    def url(self) -> str:
        return self.base() + self.request.target

    def whole(self) -> dict[str, object]:
        """A request with its body. Raises ValueError where the body is not what its type says."""
        return self.bare() | self._body()

    def _body(self) -> dict[str, object]:
        body, kind = self.request.body, self.request.headers.get("content-type", "")
        found: dict[str, object] = {"data": _text(body, kind), "files": {}, "form": {}, "json": None}
        if kind.startswith("application/x-www-form-urlencoded"):
            form = parse_qs(body.decode(errors="replace"), keep_blank_values=True)
            found["form"] = self.listed(form.items())
        elif kind.startswith("multipart/form-data"):
            fields, files = _parts(body, kind)
            found["form"], found["files"] = self.listed(fields.items()), self.listed(files.items())
        elif body and (self.plain or kind.startswith("application/json")):
            found["json"] = _json(body, strict=not self.plain)
        if self.plain and (found["form"] or found["files"]):
            found["data"] = ""
        return found


def _text(body: bytes, kind: str) -> str:
    """The body where it is text; else as a `data:` address."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"data:{kind or 'application/octet-stream'};base64,{b64encode(body).decode()}"


def _json(body: bytes, *, strict: bool) -> object:
    try:
        return json.loads(body)
    except ValueError:
        if strict:
            raise
        return None


def _parts(body: bytes, kind: str) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
    """Fields and files of a form in parts."""
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    fields: dict[str, list[str]] = {}
    files: dict[str, list[str]] = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        text = _text(content, part.get_content_type()) if isinstance(content, bytes) else ""
        name = str(part.get_param("name", "", header="content-disposition"))
        (files if part.get_filename() else fields).setdefault(name, []).append(text)
    return fields, files
