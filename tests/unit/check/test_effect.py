"""No written field is silent: each is named in one finding where it has no effect."""

import pytest

from meltemi.core.check.effect import DEPRECATED, WITHOUT_EFFECT
from meltemi.core.model.kinds import AUTHENTICATION, EXTENSIONS, NETWORKING, kind_of
from meltemi.core.model.tree import Tree
from meltemi.core.parse.decode import fields_of
from unit.check.support import warnings


@pytest.mark.parametrize("kind", WITHOUT_EFFECT)
def test_every_listed_path_exists(kind: str):
    groups = (NETWORKING, EXTENSIONS, AUTHENTICATION)
    known = next((one for group in groups if (one := kind_of(group, kind))), None)
    assert known is not None
    assert known.content is not None
    for path in (*WITHOUT_EFFECT[kind], *DEPRECATED.get(kind, ())):
        here = known.content
        for step in path.replace("[]", "").split("."):
            _, hint = fields_of(here)[step]
            here = _inner(hint)


def _inner(hint: object) -> type:
    import typing

    while not isinstance(hint, type):
        arguments = [a for a in typing.get_args(hint) if a not in (type(None), Ellipsis)]
        if not arguments:
            return object
        hint = arguments[0]
    arguments = typing.get_args(hint)
    return _inner(arguments[0]) if arguments else hint


def test_a_field_without_effect_is_named_once():
    port: Tree = {"number": 80, "protocol": "HTTP", "name": "h"}
    server: Tree = {"port": port, "hosts": ["*"], "default_endpoint": "x"}
    assert warnings("Gateway", {"servers": [server]}) == ["M1303 spec.servers[0].defaultEndpoint"]
