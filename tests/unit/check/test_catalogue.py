"""Every code that the program can say is explained, and the reference is the catalogue."""

import re
from pathlib import Path

from meltemi.core.check.catalogue import CATALOGUE, page, reference
from meltemi.core.check.pages import PAGES

ROOT = Path(__file__).resolve().parents[3]


def test_every_code_in_the_source_has_a_page():
    sources = (ROOT / "src" / "meltemi").rglob("*.py")
    said = {code for file in sources for code in re.findall(r'"(M\d{4})"', file.read_text())}
    assert said <= CATALOGUE.keys()


def test_no_code_has_two_pages():
    assert len(PAGES) == len(CATALOGUE)


def test_the_reference_is_current():
    """Else: python -m meltemi.apps.cli code --all > docs/reference/codes.md"""
    assert (ROOT / "docs" / "reference" / "codes.md").read_text() == reference()


def test_a_page_names_code_severity_and_text():
    text = page(CATALOGUE["M2104"])
    assert text.startswith("## M2104: unknown retry condition\n")
    assert "Severity: error." in text
    assert "`connect-failure`" in text
