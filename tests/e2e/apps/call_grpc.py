"""Call the echo application by gRPC: `python call_grpc.py HOST:PORT TEXT [COUNT]`; prints an answer a line."""

import sys
from collections.abc import Callable
from typing import cast

import grpc


def main() -> None:
    target, text, *count = sys.argv[1:]
    with grpc.insecure_channel(target) as channel:
        say = cast("Callable[..., bytes]", channel.unary_unary("/test.Echo/Say"))
        for _ in range(int(count[0]) if count else 1):
            print(say(text.encode(), timeout=10).decode())


if __name__ == "__main__":
    main()
