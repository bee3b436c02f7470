"""Which command stands for an image, since none is pulled.

Place:  shell/runtime · files → [images] → podspec; docs/guide/images.md

An entry's `image` is compared with the container's image without its tag or digest, and with it; `*` matches anything.
Entries of earlier files win; the built-in file comes last.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
import yaml

from meltemi.core.model.value import Value

SERVERS = ("/usr/local/sbin", "/usr/sbin")
"""Where servers are, and not always on PATH."""
BUILT_IN = Path(__file__).parents[2] / "samples/images.yaml"


class ImageMapError(Exception):
    """A file of the user's cannot be read; the text says which and why."""


class Needs(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a command takes that may not be on this machine."""

    one_of: tuple[str, ...]
    """Programs, of which one is enough."""
    package: str
    """What brings one of them."""


class Image(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry."""

    image: str
    entrypoint: tuple[str, ...]
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    workdir: str = "/"
    user: int = 0
    needs: Needs | None = None


class _File(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    images: tuple[Image, ...]


def read_images(files: Iterable[str]) -> tuple[Image, ...]:
    """All entries, the user's first. Raises ImageMapError."""
    return tuple(image for file in (*files, BUILT_IN) for image in _read(Path(file)))


def find(images: Iterable[Image], name: str) -> Image | None:
    """The entry that stands for an image, with `{python}` replaced by this interpreter."""
    bare = _bare(name)
    found = next((one for one in images if any(_matches(one.image, each) for each in (name, bare))), None)
    if found is None:
        return None
    return msgspec.structs.replace(found, entrypoint=_filled(found.entrypoint), args=_filled(found.args))


def lacking(image: Image | None) -> Needs | None:
    """What the entry needs, where none of it is on this machine."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SERVERS))
    needs = image.needs if image else None
    return None if needs is None or any(shutil.which(one, path=path) for one in needs.one_of) else needs


def _read(path: Path) -> tuple[Image, ...]:
    try:
        return msgspec.convert(yaml.safe_load(path.read_text()), _File).images
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as problem:
        raise ImageMapError(f"cannot read the image map {path}: {problem}") from None


def _matches(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(f"/{name}", pattern)


def _bare(image: str) -> str:
    """The name without tag and digest; a registry's port is no tag."""
    name = image.partition("@")[0]
    head, _, tail = name.rpartition("/")
    return f"{head}/{tail.partition(':')[0]}" if head else tail.partition(":")[0]


def _filled(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.replace("{python}", sys.executable) for word in words)
