"""shell/rpc beside grpc.aio: the same calls of a real gRPC client are answered with the same statuses and messages."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import grpc
import grpc.aio
import pytest

from meltemi.shell.rpc.call import Call
from meltemi.shell.rpc.server import RpcServer, Sizes
from meltemi.shell.rpc.status import Refused, Status

Code = grpc.StatusCode
STRANGE = "no: 100 % of «Müller»\nand a second line \N{EURO SIGN}"
LARGEST = 1 << 20
_AIO: Any = grpc.aio
END = _AIO.EOF
"""What a stream's end reads as."""


class Asked:
    """A call, in the words of either server."""

    def __init__(self, read: Callable[[], Awaitable[bytes | None]], write: Callable[[bytes], Awaitable[None]],
                 refuse: Callable[[str, str], Awaitable[NoReturn]], metadata: dict[str, str]) -> None:  # fmt: skip
        self.read, self.write, self.refuse, self.metadata = read, write, refuse, metadata


async def echo(asked: Asked) -> None:
    while (message := await asked.read()) is not None:
        await asked.write(message)


async def refuse_at_once(asked: Asked) -> None:
    await asked.read()  # a client of grpc.aio that still writes when the answer comes says INTERNAL
    await asked.refuse("PERMISSION_DENIED", STRANGE)


async def refuse_after_one(asked: Asked) -> None:
    await asked.write(await asked.read() or b"")
    await asked.refuse("UNAVAILABLE", "later")


async def fail(asked: Asked) -> None:
    await asked.read()
    raise LookupError("a secret")


async def say_nothing(asked: Asked) -> None:
    await asyncio.Event().wait()


async def metadata(asked: Asked) -> None:
    await asked.read()
    await asked.write(asked.metadata["authorization"].encode())


async def leave_early(asked: Asked) -> None:
    await asked.write(b"enough")


METHODS = {
    "Echo": echo, "RefuseAtOnce": refuse_at_once, "RefuseAfterOne": refuse_after_one, "Fail": fail,
    "SayNothing": say_nothing, "Metadata": metadata, "LeaveEarly": leave_early,
}  # fmt: skip


def _own(method: Callable[[Asked], Awaitable[None]]) -> Callable[[Call], Awaitable[None]]:
    async def serve(call: Call) -> None:
        async def refuse(code: str, message: str) -> NoReturn:
            raise Refused(Status[code], message)

        await method(Asked(call.read, call.write, refuse, dict(call.metadata)))

    return serve


def _grpc(method: Callable[[Asked], Awaitable[None]]) -> Any:
    async def serve(_: Any, context: Any) -> None:
        async def read() -> bytes | None:
            found = await context.read()
            return None if found is END else found

        async def refuse(code: str, message: str) -> NoReturn:
            await context.abort(Code[code], message)
            raise AssertionError("abort raises")

        said = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        await method(Asked(read, context.write, refuse, said))

    making: Any = grpc
    return making.stream_stream_rpc_method_handler(serve)


@asynccontextmanager
async def serving(kind: str) -> AsyncGenerator[Any]:
    """A channel to a server of a kind."""
    if kind == "own":
        own = RpcServer({f"/t.T/{name}": _own(one) for name, one in METHODS.items()}, sizes=Sizes(message=LARGEST))
        port, stop = own.listen("127.0.0.1", 0), own.stop
    else:
        other = grpc.aio.server(options=(("grpc.max_receive_message_length", LARGEST),))
        handlers = {name: _grpc(one) for name, one in METHODS.items()}
        other.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", handlers),))
        port = other.add_insecure_port("127.0.0.1:0")
        await other.start()

        async def stop() -> None:
            await other.stop(None)

    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await stop()


async def call(channel: Any, name: str, *messages: bytes, done: bool = True, **more: Any) -> tuple[Any, ...]:
    """What came back: messages, the status, what it said."""
    asking = channel.stream_stream(f"/t.T/{name}")(**more)
    got: list[bytes] = []
    try:
        for message in messages:
            await asking.write(message)
        if done:
            await asking.done_writing()
        while (message := await asking.read()) is not END:
            got.append(message)
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        pass  # the status says it
    return got, await asking.code(), await asking.details()


OWN_AND_OTHER = pytest.mark.parametrize("kind", ["own", "grpc.aio"])

# fmt: off
CALLS: dict[str, tuple[tuple[Any, ...], dict[str, Any], tuple[Any, ...]]] = {
    "messages in order":        (("Echo", b"a", b"", b"c" * 100_000), {}, ([b"a", b"", b"c" * 100_000], Code.OK, "")),
    "no message":               (("Echo",), {}, ([], Code.OK, "")),
    "refused at once":          (("RefuseAtOnce",), {}, ([], Code.PERMISSION_DENIED, STRANGE)),
    "refused before the end":   (("RefuseAtOnce", b"a"), {"done": False}, ([], Code.PERMISSION_DENIED, STRANGE)),
    "refused after one":        (("RefuseAfterOne", b"a"), {}, ([b"a"], Code.UNAVAILABLE, "later")),
    "a fault":                  (("Fail", b"a"), {}, ([], Code.UNKNOWN, None)),
    "over time":                (("SayNothing", b"a"), {"timeout": 0.2}, ([], Code.DEADLINE_EXCEEDED, None)),
    "metadata":                 (("Metadata", b"a"), {"metadata": (("authorization", "Bearer x"),)},
                                 ([b"Bearer x"], Code.OK, "")),
    "the server leaves early":  (("LeaveEarly",), {"done": False}, ([b"enough"], Code.OK, "")),
    "too large":                (("Echo", b"a" * (LARGEST + 1)), {}, ([], Code.RESOURCE_EXHAUSTED, None)),
    "as large as may be":       (("Echo", b"a" * LARGEST), {}, ([b"a" * LARGEST], Code.OK, "")),
}
# fmt: on


@OWN_AND_OTHER
@pytest.mark.parametrize(("asked", "more", "wanted"), CALLS.values(), ids=CALLS)
def test_call(kind: str, asked: tuple[Any, ...], more: dict[str, Any], wanted: tuple[Any, ...]):
    """Where the words are None they are each server's own."""

    async def run() -> None:
        async with asyncio.timeout(60), serving(kind) as channel:
            got = await call(channel, *asked, **more)
            assert got[:2] == wanted[:2]
            assert wanted[2] is None or got[2] == wanted[2]

    asyncio.run(run())


@OWN_AND_OTHER
def test_what_failed_is_not_told_to_the_caller(kind: str):
    async def run() -> None:
        async with asyncio.timeout(60), serving(kind) as channel:
            _, _, said = await call(channel, "Fail", b"a")
            assert ("a secret" in said) == (kind == "grpc.aio")  # there it is: our own is more careful

    asyncio.run(run())


@OWN_AND_OTHER
def test_many_calls_at_a_time_on_one_connection(kind: str):
    async def run() -> None:
        async with asyncio.timeout(60), serving(kind) as channel, asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(call(channel, "Echo", b"%d" % one, b"x" * 70_000)) for one in range(300)]
        assert all(task.result() == ([b"%d" % one, b"x" * 70_000], Code.OK, "") for one, task in enumerate(calls))

    asyncio.run(run())


@OWN_AND_OTHER
def test_calls_that_are_answered_before_their_end_do_not_use_up_the_streams_of_a_connection(kind: str):
    async def run() -> None:
        async with asyncio.timeout(60), serving(kind) as channel:
            for _ in range(300):
                assert (await call(channel, "LeaveEarly", done=False))[:2] == ([b"enough"], Code.OK)

    asyncio.run(run())


@OWN_AND_OTHER
@pytest.mark.parametrize(
    ("name", "code"),
    [("Nothing", Code.UNIMPLEMENTED), ("RefuseAtOnce", Code.PERMISSION_DENIED), ("LeaveEarly", Code.OK)],
)
def test_unary(kind: str, name: str, code: grpc.StatusCode):
    async def run() -> None:
        async with asyncio.timeout(60), serving(kind) as channel:
            asking = channel.unary_unary(f"/t.T/{name}")(b"a")
            assert await asking.code() is code

    asyncio.run(run())


@OWN_AND_OTHER
def test_a_compressed_call_is_understood_or_refused(kind: str):
    """Nobody here sends any: Envoy compresses nothing, nor do agents."""

    async def run() -> None:
        async with asyncio.timeout(60), serving(kind) as channel:
            asking = channel.unary_unary("/t.T/Echo")(b"a" * 1000, compression=grpc.Compression.Gzip)
            assert await asking.code() is (Code.UNIMPLEMENTED if kind == "own" else Code.OK)

    asyncio.run(run())
