"""Files become trees with places; what cannot be read becomes findings, and never hides the rest."""

import pytest

from meltemi.core.model.tree import Tree
from meltemi.core.parse.yaml import MAX_BYTES, read


def trees(text: str) -> list[Tree]:
    return [one.tree for one in read("f.yaml", text.encode())[0]]


def codes(text: str | bytes) -> list[str]:
    documents, findings = read("f.yaml", text if isinstance(text, bytes) else text.encode())
    return [f.code for f in findings] + [f.code for one in documents for f in one.findings]


def test_documents_without_content_are_left_out():
    assert trees("---\n# nothing\n---\na: 1\n---\n---\nb: 2\n...\n") == [{"a": 1}, {"b": 2}]


def test_json_is_read_too():
    assert trees('{"a": ["x", 1.5, null, true], "b": "\\ud83d\\ude00\\/"}') == [
        {"a": ["x", 1.5, None, True], "b": "\U0001f600/"}
    ]


def test_a_byte_order_mark_is_passed_over():
    assert read("f", b"\xef\xbb\xbfa: 1")[0][0].tree == {"a": 1}


def test_carriage_returns_end_lines():
    assert trees("a: 1\r\nb: 2\r\n") == [{"a": 1, "b": 2}]


def test_colons_at_the_end_of_an_item_belong_to_it():
    assert trees("a: [1.2.3.4, 001:db8::]") == [{"a": ["1.2.3.4", "001:db8::"]}]


def test_anchors_and_merge_keys():
    assert trees("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3") == [{"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}]


def test_keys_are_texts():
    assert trees("1: a\ntrue: b\n") == [{"1": "a", "true": "b"}]


def test_a_broken_document_does_not_hide_the_others():
    text = "a: 1\n---\nb: [\n---\nc: 3\n"
    documents, findings = read("f.yaml", text.encode())
    assert [one.tree for one in documents] == [{"a": 1}, {"c": 3}]
    assert [(f.code, f.span.line) for f in findings] == [("M1001", 4)]


def test_every_duplicate_key_is_told_at_its_place():
    documents, _ = read("f.yaml", b"a: 1\na: 2\nb:\n  c: 1\n  c: 2\n")
    assert [(f.code, f.span.line, f.span.column) for f in documents[0].findings] == [("M1002", 2, 1), ("M1002", 5, 3)]
    assert documents[0].tree == {"a": 1, "b": {"c": 1}}


def test_places_of_values_and_names():
    source = read("f.yaml", b"# head\nspec:\n  http:\n  - timeout: 5s\n")[0][0].source
    assert source.places["spec.http[0].timeout"] == (4, 14, 2)
    assert source.places["spec.http[0].timeout~"] == (4, 5, 7)
    assert source.places["spec.http"] == (3, 3, 4)
    assert source.lines[4] == "  - timeout: 5s"


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
)
CHAIN = "".join(f"a{i}: &a{i} {'[' * 60}{f'*a{i - 1}' if i else 1}{']' * 60}\n" for i in range(20))

REFUSED = {
    "aliases that multiply": (LAUGHS, "M1003"),
    "depth": ("[" * 5000 + "]" * 5000, "M1003"),
    "depth through aliases": (CHAIN, "M1003"),
    "an anchor in itself": ("a: &a [*a]", "M1003"),
    "an unknown alias": ("a: *b", "M1001"),
    "tabs as indentation": ("a:\n\tb: 1", "M1001"),
    "not UTF-8": (b"a: \xff", "M1001"),
    "control characters": ("a: \x01", "M1001"),
    "a tag of a program": ("a: !!python/object:os.system x", "M1001"),
    "half a surrogate pair": ('{"a": "\\ud83d"}', "M1001"),
    "a list as a key": ("? [a]\n: b", "M1001"),
    "a huge file": (b"#" * (MAX_BYTES + 1), "M1003"),
}


@pytest.mark.parametrize(("text", "code"), REFUSED.values(), ids=REFUSED)
def test_refused(text: str | bytes, code: str):
    assert code in codes(text)
