"""A control plane of a few lines: delta ADS on a Unix socket, answering each type once with what it was given.

Run as a program by the tests of the agent: `python control_plane.py SOCKET RESOURCES.json`, where the file maps type
URLs to lists of resources in protobuf JSON.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.filters.network.tcp_proxy.v3 import tcp_proxy_pb2
from envoy.service.discovery.v3 import discovery_pb2
from envoy.service.runtime.v3 import rtds_pb2
from google.protobuf import any_pb2, json_format

# Anys in the JSON are resolved among imported modules.
MESSAGES: dict[str, Any] = {
    "type.googleapis.com/envoy.config.cluster.v3.Cluster": cluster_pb2.Cluster,
    "type.googleapis.com/envoy.config.listener.v3.Listener": listener_pb2.Listener,
    "type.googleapis.com/envoy.service.runtime.v3.Runtime": rtds_pb2.Runtime,
}
ALSO_NAMED = (router_pb2, tcp_proxy_pb2, http_connection_manager_pb2)

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"


def answer(url: str, bodies: list[dict[str, object]]) -> discovery_pb2.DeltaDiscoveryResponse:
    response = discovery_pb2.DeltaDiscoveryResponse(type_url=url, nonce="1", system_version_info="1")
    for body in bodies:
        packed = any_pb2.Any()
        packed.Pack(json_format.ParseDict(body, MESSAGES[url]()))
        response.resources.append(discovery_pb2.Resource(name=str(body["name"]), version="1", resource=packed))
    return response


def handler(given: dict[str, list[dict[str, object]]]) -> Any:
    async def stream(asked: AsyncIterator[Any], _context: object) -> AsyncIterator[Any]:
        seen: set[str] = set()
        async for request in asked:
            if request.type_url not in seen:
                seen.add(request.type_url)
                yield answer(request.type_url, given.get(request.type_url, []))

    return grpc.stream_stream_rpc_method_handler(
        stream,
        request_deserializer=discovery_pb2.DeltaDiscoveryRequest.FromString,
        response_serializer=discovery_pb2.DeltaDiscoveryResponse.SerializeToString,
    )


class Service(grpc.GenericRpcHandler):
    def __init__(self, given: dict[str, list[dict[str, object]]]) -> None:
        self._handler = handler(given)

    def service(self, handler_call_details: Any) -> Any:
        return self._handler if handler_call_details.method == METHOD else None


async def main(socket: str, given: dict[str, list[dict[str, object]]]) -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Service(given),))
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    os.chmod(socket, 0o666)  # noqa: PTH101 -- the proxy is another user
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text())))
