"""Which command stands for an image."""

import sys
from pathlib import Path

import pytest

from meltemi.shell.runtime.images import Image, ImageMapError, find, read_images


def entry(image: str, program: str = "x") -> Image:
    return Image(image=image, entrypoint=(program,))


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("shop/web", "shop/web", True),
        ("shop/web", "shop/web:1.0", True),
        ("shop/web", "shop/web@sha256:aa", True),
        ("shop/web", "shop/web:1.0@sha256:aa", True),
        ("shop/web:1.0", "shop/web:1.0", True),
        ("shop/web:1.0", "shop/web:1.1", False),
        ("shop/web:1.*", "shop/web:1.1", True),
        ("shop/web", "registry:5000/shop/web:1.0", False),
        ("registry:5000/shop/web", "registry:5000/shop/web:1.0", True),
        ("registry:5000/web", "registry:5000/web", True),
        ("*/web", "registry.example/shop/web:1.0", True),
        ("*/web", "web", True),
        ("*/web", "cobweb", False),
        ("web", "web:latest", True),
        ("Web", "web", False),
        ("*", "", True),
    ],
)
def test_names(pattern: str, name: str, *, found: bool) -> None:
    assert (find([entry(pattern)], name) is not None) == found


def test_the_first_entry_wins() -> None:
    images = [entry("shop/*", "first"), entry("shop/web", "second")]

    chosen = find(images, "shop/web")

    assert chosen
    assert chosen.entrypoint == ("first",)


def test_the_interpreter_is_filled_in() -> None:
    chosen = find([Image(image="a", entrypoint=("{python}", "-m"), args=("--by={python}",))], "a")

    assert chosen
    assert (chosen.entrypoint, chosen.args) == ((sys.executable, "-m"), (f"--by={sys.executable}",))


def test_a_users_entries_go_before_the_built_in_ones(tmp_path: Path) -> None:
    built_in = read_images([])[0].image
    file = tmp_path / "images.yaml"
    file.write_text(f'images: [{{image: "{built_in}", entrypoint: [mine]}}]')

    assert read_images([str(file)])[0] == entry(built_in, "mine")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("images: [{image: a}]", "entrypoint"),
        ("images: [{image: a, entrypoint: sleep}]", "array"),
        ("images: [{image: a, entrypoint: [b], cmd: [c]}]", "cmd"),
        ("images: [", "images.yaml"),
        ("", "images.yaml"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "images.yaml"
    file.write_text(text)

    with pytest.raises(ImageMapError, match=said):
        read_images([str(file)])


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageMapError, match=r"nothing\.yaml"):
        read_images([str(tmp_path / "nothing.yaml")])
