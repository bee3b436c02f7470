"""A registry of images on a real socket: what the OCI Distribution Specification says of pulling, and tokens.

Place:  tests · asked by shell/modules, in its own tests and in e2e
Source: OCI Distribution Specification 1.1, "Pull" (manifests by tag and by digest, blobs, 404); Docker, "Token
        Authentication" (401 with a challenge, the token for a scope, 401 without it)
"""

import base64
import gzip
import io
import json
import ssl
import tarfile
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
MODULE_LAYER = "application/vnd.module.wasm.content.layer.v1+wasm"
TOKEN = "a-token-for-pulling"


class Registry:
    """Images by name and tag. With `user`, only who says `user:password` where tokens are given gets any."""

    def __init__(self, host: str = "127.0.0.1", *, user: str = "", scheme: str = "", tls: ssl.SSLContext | None = None):
        self.host = host
        self.blobs: dict[str, bytes] = {}
        self.tags: dict[tuple[str, str], str] = {}
        self.types: dict[str, str] = {}
        self.asked: list[str] = []
        """Paths, in order."""
        self.elsewhere = ""
        """Where blobs are instead, if not here."""
        self.spoilt = False
        """Whether blobs are others than they should be."""
        self.saw: list[str] = []
        """What was said in `Authorization`, in order."""
        self._user = user
        self._scheme = scheme or ("Bearer" if user else "")
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                served.answer(self)

            def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
                return

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._web = "https" if tls else "http"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "Registry":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def name(self) -> str:
        return f"{self.host}:{self._server.server_address[1]}"

    # === what it holds ===

    def blob(self, body: bytes) -> dict[str, Any]:
        digest = f"sha256:{sha256(body).hexdigest()}"
        self.blobs[digest] = body
        return {"digest": digest, "size": len(body)}

    def manifest(self, image: str, tag: str, kind: str, content: dict[str, Any]) -> str:
        """Returns its checksum."""
        body = json.dumps({"schemaVersion": 2, "mediaType": kind, **content}).encode()
        digest: str = self.blob(body)["digest"]
        self.types[digest] = kind
        self.tags[image, tag] = digest
        return digest

    def artifact(self, image: str, tag: str, module: bytes) -> str:
        """The module as a layer."""
        config = {"mediaType": "application/vnd.module.wasm.config.v1+json", **self.blob(b"{}")}
        layers = [{"mediaType": MODULE_LAYER, **self.blob(module)}]
        return self.manifest(image, tag, OCI, {"config": config, "layers": layers})

    def compat(self, image: str, tag: str, module: bytes, kind: str = OCI) -> str:
        """The module as a file in an image's last layer."""
        layer = DOCKER_LAYER if kind == DOCKER else LAYER
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", **self.blob(b"{}")}
        layers = [{"mediaType": layer, **self.blob(archive({"etc/other": b"x"}))}]
        layers += [{"mediaType": layer, **self.blob(archive({"./plugin.wasm": module}))}]
        return self.manifest(image, tag, kind, {"config": config, "layers": layers})

    # === what it says ===

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        said = request.headers.get("Authorization", "")
        self.saw.append(said)
        parts = urlsplit(request.path)
        if parts.path == "/token":
            return self._token(request, said, parse_qs(parts.query))
        if not self._lets(said):
            realm = f'Bearer realm="{self._web}://{self.name}/token",service="tests"'
            challenge = realm if self._scheme == "Bearer" else 'Basic realm="tests"'
            return say(request, 401, b"{}", {"WWW-Authenticate": challenge})
        words = parts.path.strip("/").split("/")
        if len(words) < 4 or words[0] != "v2":
            return say(request, 404)
        image, what, reference = "/".join(words[1:-2]), words[-2], words[-1]
        digest = self.tags.get((image, reference), reference) if what == "manifests" else reference
        body = self.blobs.get(digest)
        if body is None:
            return say(request, 404, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')
        if what == "manifests":
            if self.types[digest] not in request.headers.get("Accept", ""):
                return say(request, 404)
            return say(request, 200, body, {"Content-Type": self.types[digest], "Docker-Content-Digest": digest})
        if self.elsewhere:
            return say(request, 307, b"", {"Location": f"{self.elsewhere}/v2/{image}/blobs/{digest}"})
        return say(request, 200, b"spoilt" if self.spoilt else body)

    def _lets(self, said: str) -> bool:
        if not self._scheme:
            return True
        return said == (f"Bearer {TOKEN}" if self._scheme == "Bearer" else self._basic())

    def _basic(self) -> str:
        return f"Basic {base64.b64encode(self._user.encode()).decode()}"

    def _token(self, request: BaseHTTPRequestHandler, said: str, asked: dict[str, list[str]]) -> None:
        scope = asked.get("scope", [""])[0]
        if asked.get("service") != ["tests"] or not scope.startswith("repository:") or not scope.endswith(":pull"):
            return say(request, 400)
        if said != self._basic():
            return say(request, 401, b"{}")
        return say(request, 200, json.dumps({"token": TOKEN}).encode())


def archive(files: dict[str, bytes]) -> bytes:
    """A compressed archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            made.addfile(info, io.BytesIO(body))
    return gzip.compress(out.getvalue())


def say(request: BaseHTTPRequestHandler, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
    request.send_response(status)
    for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)
