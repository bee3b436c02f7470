"""view/listener keeps a listener's chains apart: Envoy refuses two with one match."""

from meltemi.core.view.listener import Chain, ChainMatch, distinct


def chain(name: str, **match: tuple[str, ...]) -> Chain:
    return Chain(name=name, match=ChainMatch(**match))  # pyright: ignore[reportArgumentType]  # only texts here


def test_the_first_chain_keeps_a_server_name() -> None:
    got = distinct((chain("a", server_names=("x", "y")), chain("b", server_names=("y", "z"))))

    assert [c.match.server_names for c in got] == [("x", "y"), ("z",)]


def test_a_chain_that_is_hidden_wholly_goes() -> None:
    got = distinct((chain("a"), chain("b"), chain("c", server_names=("x",)), chain("d", server_names=("x",))))

    assert [c.name for c in got] == ["a", "c"]


def test_equal_ranges_are_one_claim() -> None:
    got = distinct((chain("a", ranges=("10.0.0.0/8",)), chain("b", ranges=("10.0.0.0/8", "192.0.2.0/24"))))

    assert [c.name for c in got] == ["a"]


def test_a_name_that_is_written_twice_is_one() -> None:
    got = distinct((chain("a", server_names=("x", "x")),))

    assert [c.match.server_names for c in got] == [("x",)]
