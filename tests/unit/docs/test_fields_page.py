"""docs/reference/fields.md is current, and speaks of fields that exist. Else: scripts/reference."""

from pathlib import Path

from e2e.fields.golden import GOLDEN
from e2e.fields.shown import SHOWN
from e2e.fields.table import KINDS, fields, load, reference, shown_by
from e2e.fields.test_authorization_policy import CONDITIONS
from meltemi.core.model.security.attribute import Attribute, named

ROOT = Path(__file__).resolve().parents[3]
MOST_GOLDEN = 0.15
"""Share of all fields that may be shown by something else than traffic."""


def test_the_page_is_current():
    assert (ROOT / "docs/reference/fields.md").read_text() == reference()


def test_what_is_shown_exists():
    load()
    known = {(kind, path) for kind in KINDS for path in fields(kind)}
    assert set(SHOWN) <= known
    assert set(GOLDEN) <= known


def test_every_field_is_shown():
    load()
    unshown = [(kind, path) for kind in KINDS for path in fields(kind) if not shown_by(kind, path)]
    assert unshown == []


def test_most_fields_are_shown_by_traffic():
    load()
    every = [(kind, path) for kind in KINDS for path in fields(kind)]
    assert len(set(every) & set(GOLDEN)) <= MOST_GOLDEN * len(every)


def test_every_field_of_who_may_is_shown():
    """The matrix of AuthorizationPolicy is whole: a field or an attribute without requests fails here."""
    load()
    assert [path for path in fields("AuthorizationPolicy") if not shown_by("AuthorizationPolicy", path)] == []
    assert {found.attribute for key in CONDITIONS if (found := named(key))} == set(Attribute)
