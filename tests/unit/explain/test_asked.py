"""A description is understood, or refused with a reason; nothing that was not said is guessed."""

import pytest

from meltemi.core.explain.asked import Asked, Words, asked
from meltemi.core.identity.spiffe import Identity

CLIENT = Identity(trust_domain="td", namespace="shop", service_account="cart")


def understood(**words: object) -> Asked:
    return asked(Words(**words), "td")  # pyright: ignore[reportArgumentType]


# fmt: off
CASES: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "a path":        ({"request": "GET /a?b=//c"},             {"method": "GET", "path": "/a?b=//c", "host": None}),
    "an address":    ({"request": "PUT http://web:81/a"},      {"method": "PUT", "path": "/a", "host": "web:81"}),
    "query at once": ({"request": "GET http://web?a=/b"},      {"path": "/?a=/b", "host": "web"}),
    "without path":  ({"request": "GET http://web"},           {"path": "/", "host": "web"}),
    "host header":   ({"request": "GET /", "headers": ("Host: x",)}, {"host": "x", "headers": ()}),
    "headers":       ({"request": "GET /", "headers": ("B: 1", "a:2 ", "b: 3")},
                      {"headers": (("a", "2"), ("b", "1"), ("b", "3"))}),
    "short caller":  ({"port": 1, "caller": "shop/cart"},      {"caller": CLIENT, "method": ""}),
    "principal":     ({"port": 1, "caller": "td/ns/shop/sa/cart"}, {"caller": CLIENT}),
    "SPIFFE":        ({"port": 1, "caller": "spiffe://td/ns/shop/sa/cart"}, {"caller": CLIENT}),
    "claims":        ({"request": "GET /", "claims": ('a=["b"]', "c=d=e", "n=1")},
                      {"claims": (("a", ["b"]), ("c", "d=e"), ("n", 1))}),
    "plain escapes": ({"request": "GET /a%20b%25"},            {"path": "/a%20b%25"}),
}
REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "no path":       ({"request": "GET"},                      "is no request"),
    "relative":      ({"request": "GET a"},                    "neither a path"),
    "scheme":        ({"request": "GET ftp://x/"},             "neither a path"),
    "dots":          ({"request": "GET /x/../admin"},          "without '/../'"),
    "escaped dot":   ({"request": "GET /x/%2e/a"},             "without '%2e'"),
    "escaped slash": ({"request": "GET /x%2Fa"},               "without '%2F'"),
    "backslash":     ({"request": "GET /x\\a"},                "without"),
    "fragment":      ({"request": "GET /a#b"},                 "no '#' in its path"),
    "blank":         ({"request": "GET /a b"},                 "without ' '"),
    "caller":        ({"port": 1, "caller": "cart"},           "is no caller"),
    "header":        ({"request": "GET /", "headers": ("x",)}, "is no header"),
    "claim":         ({"request": "GET /", "claims": ("x",)},  "is no claim"),
    "of bytes":      ({"port": 1, "headers": ("a: b",)},       "are of requests"),
    "port":          ({"port": 70000},                         "is no port"),
    "address":       ({"port": 1, "source_ip": "x"},           "does not appear to be"),
}
# fmt: on


@pytest.mark.parametrize(("words", "wanted"), CASES.values(), ids=CASES)
def test_understood(words: dict[str, object], wanted: dict[str, object]):
    found = understood(**words)
    assert {name: getattr(found, name) for name in wanted} == wanted


@pytest.mark.parametrize(("words", "why"), REFUSED.values(), ids=REFUSED)
def test_refused(words: dict[str, object], why: str):
    with pytest.raises(ValueError, match=why):
        understood(**words)


def test_the_name_of_a_server_is_known_without_tls():
    assert understood(port=1).sni == ""
    assert understood(port=1, caller="a/b").sni is None


def test_headers_that_come_twice():
    """One line of some, as Envoy makes it; not known of those that proxies make."""
    names = ("x-a", "accept", "X-Forwarded-Proto")
    found = understood(request="GET /", headers=tuple(f"{name}: {value}" for name in names for value in ("1", "2")))
    assert [found.header(name) for name in names] == [(True, ("1", "2")), (True, ("1,2",)), (False, ("1", "2"))]
    assert found.header("x-b") == (True, ())
