"""docs/reference/kinds is current, and has something to say of every field. Else: scripts/reference."""

from pathlib import Path

import pytest

from e2e.fields.pages import contents, pages
from meltemi.apps.reference.envoy_fields import PLACES, place_of
from meltemi.apps.reference.kind_page import TEXTS, fields
from meltemi.apps.reference.limits import LIMITS
from meltemi.core.model.value import Value

FOLDER = Path(__file__).resolve().parents[3] / "docs/reference/kinds"


def test_the_pages_are_current():
    made = pages()
    assert {file.name for file in FOLDER.iterdir()} == set(made)
    assert [name for name, text in made.items() if (FOLDER / name).read_text() != text] == []


@pytest.mark.parametrize("kind", contents())
def test_every_field_has_a_meaning_and_a_place(kind: str):
    found = fields(kind, contents()[kind])
    assert [one.path for one in found if not one.meaning] == []
    assert [one.path for one in found if not place_of(kind, one.path)] == []


def test_texts_are_of_fields_that_exist():
    known = {(one.__name__, name) for one in _below(Value) for name in one.__struct_fields__}
    assert {*TEXTS, *LIMITS} <= known


@pytest.mark.parametrize("kind", PLACES)
def test_places_are_of_paths_that_exist(kind: str):
    paths = [one.path for one in fields(kind, contents()[kind])]
    assert [start for start in PLACES[kind] if not any(path.startswith(start) for path in paths)] == []


def _below(kind: type[Value]) -> list[type[Value]]:
    return [one for sub in kind.__subclasses__() for one in (sub, *_below(sub))]
