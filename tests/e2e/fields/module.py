"""A module of WebAssembly for the tests, assembled by hand: no toolchain is needed for so little.

Place:  tests/e2e/fields · what WasmPlugins of the tests run (proxy-wasm ABI 0.2.1)

What it does stands in its configuration, `{"do":WORD}`, told apart by the first letter:

- `mark`: the configuration becomes the header `x-wasm` of requests and answers
- `env`: so does the first variable of its environment
- `refuse`: requests are answered with 403

A request with the header `x-trap` makes it crash. On connections of bytes it puts `wasm:` before what the client says.
"""

from collections.abc import Sequence

I32 = 0x7F
WORDS = {"x-wasm": 1024, "x-trap": 1040, "refused": 1056, "wasm:": 1072}
CONFIGS, PARENTS, VARIABLES, VALUES, HEAP = 0x100, 0x20000, 4096, 8192, 0x40000
"""Where in memory stands: each plugin's configuration, each context's plugin, the environment, and what is free."""
COUNT, SIZE, FOUND = 0x20, 0x24, 0x30


def _number(value: int) -> bytes:
    """LEB128, unsigned."""
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def _signed(value: int) -> bytes:
    """LEB128, signed."""
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        done = value == (-1 if low & 0x40 else 0)
        out.append(low | (0 if done else 0x80))
        if done:
            return bytes(out)


def _list(items: Sequence[bytes]) -> bytes:
    return _number(len(items)) + b"".join(items)


def _text(text: str) -> bytes:
    return _number(len(text)) + text.encode()


def _section(number: int, items: Sequence[bytes]) -> bytes:
    body = _list(items)
    return bytes([number]) + _number(len(body)) + body


def const(value: int) -> bytes:
    return b"\x41" + _signed(value)


def local(index: int) -> bytes:
    return b"\x20" + _number(index)


def load(place: bytes, *, byte: bool = False) -> bytes:
    return place + (b"\x2d\x00\x00" if byte else b"\x28\x02\x00")


def store(place: bytes, value: bytes) -> bytes:
    return place + value + b"\x36\x02\x00"


def add(left: bytes, right: bytes) -> bytes:
    return left + right + b"\x6a"


def call(name: str, *values: bytes) -> bytes:
    return b"".join(values) + b"\x10" + _number(list(IMPORTS).index(name))


def when(condition: bytes, then: bytes) -> bytes:
    return condition + b"\x04\x40" + then + b"\x0b"


def equal(left: bytes, right: bytes) -> bytes:
    return left + right + b"\x46"


DROP, RETURN, UNREACHABLE = b"\x1a", b"\x0f", b"\x00"
IMPORTS = {
    "proxy_get_buffer_bytes": ("env", 5),
    "proxy_set_buffer_bytes": ("env", 5),
    "proxy_add_header_map_value": ("env", 5),
    "proxy_get_header_map_value": ("env", 5),
    "proxy_send_local_response": ("env", 8),
    "environ_sizes_get": ("wasi_snapshot_preview1", 2),
    "environ_get": ("wasi_snapshot_preview1", 2),
}
"""Name → (module, parameters); each returns a number."""


def _word(word: str) -> bytes:
    return const(WORDS[word]) + const(len(word))


def _slot(table: int, index: bytes, size: int) -> bytes:
    return add(const(table), index + const(size) + b"\x6c")


def _parent(context: bytes) -> bytes:
    return _slot(PARENTS, context + const(0x3FFF) + b"\x71", 4)


OF = load(_parent(local(0)))
"""The plugin of the context that a callback is about."""
TEXT, LENGTH = load(_slot(CONFIGS, OF, 8)), load(add(_slot(CONFIGS, OF, 8), const(4)))
LETTER = load(add(TEXT, const(len('{"do":"'))), byte=True)


def _mark(headers: int) -> bytes:
    """Add `x-wasm`: the environment's first variable where that is asked for, the configuration elsewhere."""
    size = load(const(SIZE)) + const(1) + b"\x6b"
    environment = call("environ_sizes_get", const(COUNT), const(SIZE)) + DROP
    environment += call("environ_get", const(VARIABLES), const(VALUES)) + DROP
    environment += call("proxy_add_header_map_value", const(headers), _word("x-wasm"), const(VALUES), size) + DROP
    environment += const(0) + RETURN
    return (
        when(equal(LETTER, const(ord("e"))), environment)
        + call("proxy_add_header_map_value", const(headers), _word("x-wasm"), TEXT, LENGTH)
        + DROP
        + const(0)
    )


def _request() -> bytes:
    trap = equal(call("proxy_get_header_map_value", const(0), _word("x-trap"), const(FOUND), const(SIZE)), const(0))
    nothing = const(0) + const(0)
    answer = call("proxy_send_local_response", const(403), nothing, _word("refused"), nothing, const(-1))
    refuse = answer + DROP + const(1) + RETURN
    return when(trap, UNREACHABLE) + when(equal(LETTER, const(ord("r"))), refuse) + _mark(0)


def _configure() -> bytes:
    place = _slot(CONFIGS, local(0), 8)
    return call("proxy_get_buffer_bytes", const(7), const(0), local(1), place, add(place, const(4))) + DROP + const(1)


def _allocate() -> bytes:
    """Nothing is freed: there is enough for some 100,000 requests."""
    heap = b"\x23\x00"
    grown = add(heap, add(local(0), const(15)) + const(0x7FFFFFF0) + b"\x71")
    return heap + grown + b"\x24\x00"


FUNCTIONS: dict[str, tuple[int, bool, bytes]] = {
    "proxy_abi_version_0_2_1": (0, False, b""),
    "_initialize": (0, False, b""),
    "malloc": (1, True, _allocate()),
    "proxy_on_context_create": (2, False, store(_parent(local(0)), local(1))),
    "proxy_on_vm_start": (2, True, const(1)),
    "proxy_on_configure": (2, True, _configure()),
    "proxy_on_request_headers": (3, True, _request()),
    "proxy_on_response_headers": (3, True, _mark(2)),
    "proxy_on_new_connection": (1, True, const(0)),
    "proxy_on_downstream_data": (
        3,
        True,
        call("proxy_set_buffer_bytes", const(2), const(0), const(0), _word("wasm:")) + DROP + const(0),
    ),
}
"""Name → (parameters, whether it returns a number, what it does)."""


def module() -> bytes:
    """The module's bytes."""
    kinds = [(count, True) for _, count in IMPORTS.values()] + [(n, r) for n, r, _ in FUNCTIONS.values()]
    types = [b"\x60" + _list([bytes([I32])] * n) + _list([bytes([I32])] * r) for n, r in kinds]
    own = range(len(IMPORTS), len(kinds))
    imports = [
        _text(where) + _text(name) + b"\x00" + _number(i) for i, (name, (where, _)) in enumerate(IMPORTS.items())
    ]
    exports = [_text(name) + b"\x00" + _number(i) for name, i in zip(FUNCTIONS, own, strict=True)]
    bodies = [b"\x00" + code + b"\x0b" for _, _, code in FUNCTIONS.values()]
    return b"".join(
        (
            b"\0asm\x01\0\0\0",
            _section(1, types),
            _section(2, imports),
            _section(3, [_number(i) for i in own]),
            _section(5, [b"\x00" + _number(256)]),
            _section(6, [bytes([I32, 1]) + const(HEAP) + b"\x0b"]),
            _section(7, [*exports, _text("memory") + b"\x02\x00"]),
            _section(10, [_number(len(body)) + body for body in bodies]),
            _section(11, [b"\x00" + const(at) + b"\x0b" + _text(word) for word, at in WORDS.items()]),
        )
    )
