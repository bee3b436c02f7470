"""Tell grpc-echo to call: `python forward_echo.py HOST:PORT URL COUNT`; prints the answers without their numbers."""

import sys
from collections.abc import Callable
from typing import Any, cast

import grpc

from meltemi.samples.grpc_echo.messages import SERVICE, message


def main() -> None:
    target, url, count = sys.argv[1:]
    with grpc.insecure_channel(target) as channel:
        forward = cast(
            "Callable[..., Any]",
            channel.unary_unary(
                f"/{SERVICE}/ForwardEcho",
                request_serializer=message("ForwardEchoRequest").SerializeToString,
                response_deserializer=message("ForwardEchoResponse").FromString,
            ),
        )
        asked = message("ForwardEchoRequest")(url=url, count=int(count), message="hello")
        for text in forward(asked, timeout=30, wait_for_ready=True).output:
            print("\n".join(line.partition("] ")[2] for line in text.splitlines()))


if __name__ == "__main__":
    main()
