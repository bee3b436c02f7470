"""The configuration that Envoy starts with: where the control plane is, who asks, and the two pages of its own.

Place:  shell/agent · settings → [bootstrap] → Envoy; all else comes by xDS
Source: ports and names are Istio's: admin 15000, metrics 15090, readiness 15021, clusters `xds-grpc`,
        `sds-grpc`
"""

import socket
from collections.abc import Mapping
from typing import Any

from meltemi.shell.agent.settings import ADMIN_PORT, METRICS_PORT, READY_PORT, Settings

Json = dict[str, Any]

XDS_CLUSTER, SDS_CLUSTER = "xds-grpc", "sds-grpc"
RUNTIME = "mesh"
"""Runtime values that the control plane sends; a resource of this name."""
_TYPE = "type.googleapis.com/"
_INTERNAL_LISTENER = "envoy.extensions.bootstrap.internal_listener.v3.InternalListener"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

_RUNTIME = {
    # Long regular expressions of users are theirs to judge; 100, Envoy's default, refuses common ones.
    "re2.max_program_size.error_level": 32768,
    # Plain requests can go through a listener inside of Envoy (core/envoy/plain): it has the extension for that.
    "meltemi.plain_requests_unwatched": 0,
}
KEPT_PREFIXES = (
    "cluster_manager",
    "listener_manager",
    "server",
    f"cluster.{XDS_CLUSTER}",
    "istio",
    "wasm",
    "component",
)
KEPT_SUFFIXES = ("downstream_rq_active", "rbac.allowed", "rbac.denied", "shadow_allowed", "shadow_denied")
KEPT_REGEXPS = (
    r"cluster\.[iI]nbound.*\.upstream_rq_active",
    r"http\..*\.rbac\.meltemi_audit_\.policy\..*\.allowed",
)
"""Metrics that are kept. Each of the hundreds that Envoy makes for a cluster costs memory: this takes a third off a
proxy with 1,000 services, and half of its start. The `active` ones are what draining watches (shell/agent/drain)."""

_CLUSTER_STAT = (
    r"^cluster\.((.+?)\.)(?:upstream_|membership_|lb_|ssl\.|circuit_breakers\.|outlier_|update_|external\.|internal\.|"
    r"assignment_|bind_|max_host|default\.|version|retry|original_dst|health_check|http[123]\.|warming|init_fetch)"
)
"""A cluster's name has dots in it, so Envoy's own rule would cut it at the first."""


def bootstrap(settings: Settings) -> Json:
    """The bootstrap in protobuf JSON (envoy.config.bootstrap.v3.Bootstrap)."""
    return {
        "node": {"id": settings.node_id, "cluster": settings.service_cluster, "metadata": dict(settings.metadata)},
        # Listeners without an address, as those through which plain callers go (core/view/plain).
        "bootstrap_extensions": [
            {"name": "envoy.bootstrap.internal_listener", "typed_config": {"@type": _TYPE + _INTERNAL_LISTENER}}
        ],
        "admin": {"address": _address("127.0.0.1", ADMIN_PORT), "profile_path": "/dev/null"},
        "dynamic_resources": {
            "lds_config": _ads(),
            "cds_config": _ads(),
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": XDS_CLUSTER, "retry_policy": _reconnect()}}],
            },
        },
        "static_resources": {
            "clusters": [
                _grpc(XDS_CLUSTER, settings.xds_socket),
                _grpc(SDS_CLUSTER, settings.sds_socket),
                _local("prometheus_stats", ADMIN_PORT),
                _local("agent", settings.status_port),
            ],
            "listeners": [
                _page("stats", METRICS_PORT, "/stats/prometheus", "prometheus_stats"),
                _page("ready", READY_PORT, "/healthz/ready", "agent"),
            ],
        },
        **({"cluster_manager": {"upstream_bind_config": _marked(settings.mark)}} if settings.mark else {}),
        "stats_config": _stats(settings.stats),
        "overload_manager": _limits(),
        "layered_runtime": {
            "layers": [
                {"name": "meltemi", "static_layer": _RUNTIME},
                {"name": RUNTIME, "rtds_layer": {"name": RUNTIME, "rtds_config": _ads()}},
                *([{"name": "proxy-config", "static_layer": dict(settings.runtime)}] if settings.runtime else ()),
                {"name": "admin", "admin_layer": {}},
            ]
        },
    }


def _ads() -> Json:
    # Wait for ever: a proxy that has not heard from the control plane must not open its listeners half configured.
    return {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}


def _reconnect() -> Json:
    # Envoy's default backs off to 30 s, for which a restarted control plane would wait in vain.
    return {"retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"}}


def _address(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}


def _marked(mark: int) -> Json:
    """All connections that Envoy opens carry a mark (SO_MARK, socket(7)); their address is the kernel's choice."""
    return {
        "source_address": {"address": "0.0.0.0", "port_value": 0},
        "socket_options": [
            {"level": socket.SOL_SOCKET, "name": socket.SO_MARK, "int_value": mark, "state": "STATE_PREBIND"}
        ],
    }


def _grpc(name: str, socket: str) -> Json:
    """A server behind a Unix socket: the control plane's, or the agent's own for secrets."""
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": _endpoint(name, {"pipe": {"path": socket}}),
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: {
                "@type": _TYPE + _HTTP_OPTIONS,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "circuit_breakers": {
            "thresholds": [
                {"priority": p, "max_connections": 100000, "max_pending_requests": 100000, "max_requests": 100000}
                for p in ("DEFAULT", "HIGH")
            ]
        },
    }


def _local(name: str, port: int) -> Json:
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.25s",
        "load_assignment": _endpoint(name, _address("127.0.0.1", port)),
    }


def _endpoint(cluster: str, address: Json) -> Json:
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}


def _page(name: str, port: int, path: str, cluster: str) -> Json:
    """A listener that answers one path from one local cluster."""
    router = {"@type": _TYPE + "envoy.extensions.filters.http.router.v3.Router"}
    manager = {
        "@type": _TYPE + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "codec_type": "AUTO",
        "stat_prefix": name,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "backend",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": path}, "route": {"cluster": cluster}}],
                }
            ]
        },
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {
        "name": name,
        "address": _address("0.0.0.0", port),
        "ignore_global_conn_limit": True,
        "filter_chains": [chain],
    }


def _stats(extra: Mapping[str, tuple[str, ...]]) -> Json:
    patterns: list[Json] = [
        *({"prefix": p} for p in (*KEPT_PREFIXES, *extra.get("prefixes", ()))),
        *({"suffix": s} for s in (*KEPT_SUFFIXES, *extra.get("suffixes", ()))),
        *({"safe_regex": {"regex": r}} for r in (*KEPT_REGEXPS, *extra.get("regexps", ()))),
    ]
    return {
        "use_all_default_tags": False,
        "stats_tags": [
            {"tag_name": "cluster_name", "regex": _CLUSTER_STAT},
            {"tag_name": "response_code", "regex": r"_rq(_(\d{3}))$"},
            {"tag_name": "response_code_class", "regex": r"_rq(_(\dxx))$"},
            {
                "tag_name": "http_conn_manager_prefix",
                "regex": r"^http\.((.+?)\.)(?:downstream_|rq_|no_|rbac|ext_authz|fault)",
            },
            {"tag_name": "authz_dry_run_action", "regex": r"(\.istio_dry_run_(allow|deny)_)"},
            {"tag_name": "authz_dry_run_result", "regex": r"(\.shadow_(allowed|denied))"},
            {"tag_name": "authz_policy", "regex": r"\.policy(\.(ns\[.+?\]-policy\[.+?\]-rule\[\d+\]))"},
        ],
        "stats_matcher": {"inclusion_list": {"patterns": patterns}},
    }


def _limits() -> Json:
    # No limit of our own, said aloud: Envoy warns where nothing is said.
    monitor = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    return {
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {"@type": _TYPE + monitor, "max_active_downstream_connections": 2147483647},
            }
        ]
    }
