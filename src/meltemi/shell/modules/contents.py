"""The module within what came: as it is, compressed, or in an archive.

Place:  shell/modules · bytes → [contents] → fetch, registry
Source: Istio, "Distributing WebAssembly Modules"; "Wasm Image Specification" (solo-io), compat variant
"""

import io
import tarfile
import zlib

from meltemi.shell.fetching.web import FetchError

MOST = 64 << 20
"""Bytes of a module, and of an archive that is unpacked."""
MAGIC = b"\0asm"
_GZIP = b"\x1f\x8b"
_ANY_FORM = 31
"""Of zlib: with the head of gzip."""


def module_in(body: bytes, name: str = "") -> bytes:
    """The module. `name`: of the file in an archive; empty: its first file. Raises FetchError."""
    plain = _unpacked(body) if body.startswith(_GZIP) else body
    found = plain if plain.startswith(MAGIC) else _from_archive(plain, name)
    if not found.startswith(MAGIC):
        raise FetchError("what came is no module of WebAssembly")
    return found


def _unpacked(body: bytes) -> bytes:
    stream = zlib.decompressobj(_ANY_FORM)
    try:
        plain = stream.decompress(body, MOST)
    except zlib.error:
        raise FetchError("what came cannot be unpacked") from None
    if stream.unconsumed_tail:
        raise FetchError(f"what came is larger than {MOST >> 20} MiB unpacked")
    if not stream.eof:
        raise FetchError("what came cannot be unpacked")
    return plain


def _from_archive(plain: bytes, name: str) -> bytes:
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
            for member in archive:
                if member.isfile() and (not name or member.name.removeprefix("./").removeprefix("/") == name):
                    file = archive.extractfile(member)
                    return file.read() if file else b""
    except (tarfile.TarError, EOFError, ValueError):
        raise FetchError("what came is no module of WebAssembly") from None
    raise FetchError(f"there is no {name or 'file'!r} in the archive")
