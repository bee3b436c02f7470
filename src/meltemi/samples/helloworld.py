"""helloworld: says its version and its pod.

Place:  samples
Env:    SERVICE_VERSION, HOSTNAME
Source: Istio, samples/helloworld.
"""

import os

from meltemi.samples.server import Reply, Request, port_argument, serve


def helloworld(request: Request) -> Reply:
    """Answer /hello and /health."""
    match request.path:
        case "/hello":
            version, instance = os.environ.get("SERVICE_VERSION"), os.environ.get("HOSTNAME")
            return Reply(f"Hello version: {version}, instance: {instance}\n")
        case "/health":
            return Reply("Helloworld is healthy")
        case _:
            return Reply("not found", status=404)


if __name__ == "__main__":
    serve(helloworld, port_argument(5000))
