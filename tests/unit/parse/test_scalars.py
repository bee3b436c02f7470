"""Plain scalars mean what they mean to kubectl."""

import pytest

from meltemi.core.model.tree import Tree
from meltemi.core.parse.scalars import ScalarError, plain, tagged

# fmt: off
CASES: dict[str, Tree] = {
    "1:30": "1:30", "1e3": 1000, "0777": 511, "0o17": 15, "0x1F": 31, "09": 9, "+5": 5, "-3": -3, "1_000": 1000,
    "1.0": 1, "1.5": 1.5, ".5": 0.5, "yes": True, "Off": False, "n": False, "TRUE": True, "yEs": "yEs",
    "~": None, "": None, "null": None, "2026-11-23": "2026-11-23", "1.2.3": "1.2.3", "v1": "v1", "-": "-", ".": ".",
    "18446744073709551615": 18446744073709551615, "0xZZ": "0xZZ", "1e": "1e", ".inf": ".inf",
}
# fmt: on


@pytest.mark.parametrize(("text", "value"), CASES.items(), ids=repr)
def test_plain(text: str, value: Tree):
    got = plain(text)
    assert got == value
    assert type(got) is type(value)


def test_too_large_a_number_is_refused():
    with pytest.raises(ScalarError, match="too large"):
        plain("1e999")


@pytest.mark.parametrize(("tag", "text", "value"), [("str", "1", "1"), ("int", "0x10", 16), ("binary", "aGk=", "hi")])
def test_tagged(tag: str, text: str, value: Tree):
    assert tagged(f"tag:yaml.org,2002:{tag}", text) == value


def test_a_wrong_tag_says_why():
    with pytest.raises(ScalarError, match="is no int"):
        tagged("tag:yaml.org,2002:int", "ten")
