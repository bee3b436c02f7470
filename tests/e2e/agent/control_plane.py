"""A control plane of a few lines: delta ADS on a Unix socket, answering each type once with what it was given.

Run as a program by the tests of the agent: `python control_plane.py SOCKET RESOURCES.json`, where the file maps type
URLs to lists of resources in protobuf JSON.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.filters.network.tcp_proxy.v3 import tcp_proxy_pb2
from envoy.service.discovery.v3 import discovery_pb2
from envoy.service.runtime.v3 import rtds_pb2
from google.protobuf import any_pb2, json_format

from meltemi.shell.rpc.call import Call, Method
from meltemi.shell.rpc.server import RpcServer

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


def method(given: dict[str, list[dict[str, object]]]) -> Method:
    async def stream(call: Call) -> None:
        seen: set[str] = set()
        while (data := await call.read()) is not None:
            url = discovery_pb2.DeltaDiscoveryRequest.FromString(data).type_url
            if url not in seen:
                seen.add(url)
                await call.write(answer(url, given.get(url, [])).SerializeToString())

    return stream


async def main(socket: Path, given: dict[str, list[dict[str, object]]]) -> None:
    server = RpcServer({METHOD: method(given)})
    server.listen_unix(socket, lambda: socket.chmod(0o666))  # the proxy is another user
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())))
