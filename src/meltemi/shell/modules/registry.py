"""Fetch a module from a registry of images.

Place:  shell/modules · fetching/web → [registry] → fetch
Source: OCI Distribution Specification 1.1, "Pull"; Docker, "Token Authentication"; "Wasm Image Specification" and
        Istio for the forms: an artifact with the module as a layer, or an image with `plugin.wasm` in its last layer

Everything but the first manifest is asked for by its checksum, and that one too where the address says one.
"""

import asyncio
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlencode

from meltemi.core.compose.modules import OCI, registry_of
from meltemi.core.model.tree import Tree
from meltemi.shell.fetching.web import Answer, FetchError, Web, object_in
from meltemi.shell.modules.contents import MOST, module_in

FILE = "plugin.wasm"
MODULE_LAYER = "application/vnd.module.wasm.content.layer.v1+wasm"
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_LISTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_ACCEPT = {"Accept": ", ".join((*_MANIFESTS, *_LISTS))}
_DOCKER = "registry-1.docker.io"
_MOST_MANIFEST = 4 << 20
_WHOSE = "the registry says"
_NAME = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class Image(NamedTuple):
    """What an address names."""

    host: str
    name: str
    reference: str
    """A tag, or a checksum."""


class _Descriptor(NamedTuple):
    media_type: str
    digest: str
    size: int


def image_of(url: str) -> Image:
    """Raises FetchError."""
    host, text = registry_of(url), url.removeprefix(OCI)
    named = text.removeprefix(f"{host}/")
    rest, _, digest = named.partition("@")
    name, _, tag = rest.partition(":")
    if host == "docker.io":
        host, name = _DOCKER, name if "/" in name else f"library/{name}"
    reference = digest or tag or "latest"
    if not _NAME.fullmatch(name) or not (_DIGEST if digest else _TAG).fullmatch(reference):
        raise FetchError(f"{text!r} names no image")
    return Image(host, name, reference)


class Registry:
    """Asks registries, on the terms of each."""

    def __init__(self, web: Web, plain: tuple[str, ...]) -> None:
        self._web = web
        self._plain = plain

    async def module(self, url: str, basic: str) -> tuple[bytes, tuple[str, ...]]:
        """The module of an image, and checksums that the image is known by. `basic`: user and password."""
        image = image_of(url)
        pull = _Pull(self._web, self._base(image), image.name, basic)
        found, digests = await pull.manifest(image.reference)
        layers = _descriptors(found, "layers")
        if not layers:
            raise FetchError("the image has no layers")
        own = next((layer for layer in layers if layer.media_type == MODULE_LAYER), None)
        body = await pull.blob(own or layers[-1])
        return await asyncio.to_thread(module_in, body, "" if own else FILE), digests

    def _base(self, image: Image) -> str:
        secure = not {image.host, image.host.rpartition(":")[0]} & set(self._plain)
        return f"{'https' if secure else 'http'}://{image.host}/v2/{image.name}"


class _Pull:
    """One image from one registry, which may ask who we are once."""

    def __init__(self, web: Web, base: str, name: str, basic: str) -> None:
        self._web = web
        self._base = base
        self._name = name
        self._basic = basic
        self._said: dict[str, str] = {}

    async def manifest(self, reference: str) -> tuple[Mapping[str, Tree], tuple[str, ...]]:
        """The manifest of one image, of several the fitting one, and checksums of all that led to it."""
        found, digest = await self._document(reference)
        if found.get("mediaType") not in _LISTS and "manifests" not in found:
            return found, (digest,)
        chosen = _chosen(found)
        one, own = await self._document(chosen)
        return one, (own, digest)

    async def blob(self, layer: _Descriptor) -> bytes:
        """What a layer consists of."""
        if layer.size > MOST:
            raise FetchError(f"the layer is larger than {MOST >> 20} MiB")
        body = (await self._get(f"{self._base}/blobs/{layer.digest}", {})).body
        _hold(body, layer.digest)
        return body

    async def _document(self, reference: str) -> tuple[Mapping[str, Tree], str]:
        body = (await self._get(f"{self._base}/manifests/{reference}", _ACCEPT)).body
        if len(body) > _MOST_MANIFEST:
            raise FetchError(f"the manifest is larger than {_MOST_MANIFEST >> 20} MiB")
        if _DIGEST.fullmatch(reference):
            _hold(body, reference)
        return object_in(body, _WHOSE), sha256(body).hexdigest()

    async def _get(self, uri: str, headers: Mapping[str, str]) -> Answer:
        answer = await self._web.get(uri, {**headers, **self._said}, but=(401,))
        if answer.status == 401:
            if self._said:
                raise FetchError("the registry refuses us")
            self._said = {"Authorization": await self._authorized(answer)}
            answer = await self._web.get(uri, {**headers, **self._said})
        return answer

    async def _authorized(self, refusal: Answer) -> str:
        """What to say to a registry that asks who we are."""
        challenge = refusal.headers.get("www-authenticate", "")
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic":
            if not self._basic:
                raise FetchError("the registry wants a user and a password: 'imagePullSecret'")
            return f"Basic {self._basic}"
        asked = dict(_CHALLENGE.findall(rest))
        if scheme.lower() != "bearer" or not asked.get("realm"):
            raise FetchError("the registry refuses us")
        scope = asked.get("scope") or f"repository:{self._name}:pull"
        query = urlencode({"service": asked.get("service", ""), "scope": scope})
        own = {"Authorization": f"Basic {self._basic}"} if self._basic else {}
        joint = "&" if "?" in asked["realm"] else "?"
        answer = await self._web.get(f"{asked['realm']}{joint}{query}", own, after=refusal.address, but=(401, 403))
        if answer.status != 200:
            raise FetchError("the registry gives us no token: mind 'imagePullSecret'")
        told = object_in(answer.body, _WHOSE)
        token = told.get("token") or told.get("access_token")
        if not isinstance(token, str):
            raise FetchError("the registry gives us no token")
        return f"Bearer {token}"


def _chosen(found: Mapping[str, Tree]) -> str:
    """Of several images the one for WebAssembly, else for this kind of machine, else the only one."""
    listed = found.get("manifests")
    entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []

    def kind(one: Mapping[str, Tree]) -> str:
        platform = one.get("platform")
        return str(platform.get("architecture")) if isinstance(platform, dict) else ""

    fitting = [one for want in ("wasm", "amd64") for one in entries if kind(one) == want]
    one = next(iter(fitting), entries[0] if len(entries) == 1 else {})
    digest = one.get("digest")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise FetchError("of several images none is meant")
    return digest


def _descriptors(found: Mapping[str, Tree], name: str) -> list[_Descriptor]:
    listed = found.get(name)
    made: list[_Descriptor] = []
    for one in listed if isinstance(listed, list) else []:
        digest = one.get("digest") if isinstance(one, dict) else None
        if not isinstance(one, dict) or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise FetchError("the manifest names a layer without a checksum that we know")
        size = one.get("size")
        made.append(_Descriptor(str(one.get("mediaType")), digest, size if isinstance(size, int) else 0))
    return made


def _hold(body: bytes, digest: str) -> None:
    if f"sha256:{sha256(body).hexdigest()}" != digest:
        raise FetchError(f"something else came than {digest}")
