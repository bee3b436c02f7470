"""Write Envoy's HTTP connection manager.

Place:  view/listener → [envoy/hcm] → envoy/{listener,inbound}
Source: Istio, "Configuring Gateway Network Topology" (client addresses), "Security: path normalization"
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.access_log import access_logs
from meltemi.core.envoy.filters import Side, http_filters
from meltemi.core.envoy.header_case import keep_case
from meltemi.core.model.mesh_proxy import CertificateDetails, ForwardClientCert
from meltemi.core.model.units import Seconds
from meltemi.core.view.access_log import LogTo
from meltemi.core.view.http_settings import HttpSettings
from meltemi.core.view.listener import Chain, Listener

FILTER = "envoy.filters.network.http_connection_manager"
PATIENCE = Seconds(5)
"""How long a request waits for its host: longer than a control plane takes to be replaced."""
FORWARD = {
    ForwardClientCert.SANITIZE: pb.HttpConnectionManager.SANITIZE,
    ForwardClientCert.FORWARD_ONLY: pb.HttpConnectionManager.FORWARD_ONLY,
    ForwardClientCert.APPEND_FORWARD: pb.HttpConnectionManager.APPEND_FORWARD,
    ForwardClientCert.SANITIZE_SET: pb.HttpConnectionManager.SANITIZE_SET,
    ForwardClientCert.ALWAYS_FORWARD_ONLY: pb.HttpConnectionManager.ALWAYS_FORWARD_ONLY,
}
_DETAILS = CertificateDetails(subject=True, uri=True, dns=True)


def http_connection_manager(chain: Chain, listener: Listener) -> list[pb.Filter]:
    """The filters of an outbound or gateway chain whose requests are routed by a table."""
    side = Side.GATEWAY if listener.gateway else Side.OUTBOUND
    prefix, by_name = chain.stat_prefix or chain.table, listener.resolves_names
    written = manager(side, prefix, listener.access_log, listener.http, by_name=by_name, on_demand=chain.on_demand)
    if chain.on_demand:
        # Envoy itself would wait for ever, e.g. while there is no control plane; routes lift it (envoy/virtual_host).
        written.stream_idle_timeout.CopyFrom(pb.duration(PATIENCE))
    written.rds.route_config_name = chain.table
    written.rds.config_source.CopyFrom(pb.ads())
    return [filter_of(written)]


def filter_of(written: pb.HttpConnectionManager) -> pb.Filter:
    """A connection manager as the last network filter."""
    return pb.Filter(name=FILTER, typed_config=pb.any_of(written))


def manager(
    side: Side,
    stat_prefix: str,
    log: LogTo | None,
    http: HttpSettings,
    *,
    grpc_web: bool = False,
    by_name: bool = False,
    on_demand: bool = False,
) -> pb.HttpConnectionManager:
    """A connection manager without routes."""
    written = pb.HttpConnectionManager(
        stat_prefix=stat_prefix,
        http_filters=http_filters(
            side, grpc_web=grpc_web, by_name=by_name, on_demand=on_demand, quiet=not http.debug_headers
        ),
        access_log=access_logs(log),
        stream_idle_timeout=pb.duration(0),
        server_name="istio-envoy",
        upgrade_configs=[pb.HttpConnectionManager.UpgradeConfig(upgrade_type="websocket")],
        use_remote_address=pb.BoolValue(value=side is Side.GATEWAY),
        xff_num_trusted_hops=http.trusted_proxies,
        append_x_forwarded_port=http.forwarded_port,
        strip_trailing_host_dot=True,  # the name of one host, for rules as for routes
        # What a caller says of certificates that it has seen is not believed.
        forward_client_cert_details=pb.HttpConnectionManager.SANITIZE,
    )
    _write_paths(written, http)
    if side is Side.GATEWAY:
        written.early_header_mutation_extensions.append(_without_envoys_words())
        write_caller(written, http)
        if http.details is None:
            written.set_current_client_cert_details.cert = True  # as Istio's: the client is no workload of the mesh
    elif http.client_certificate is not None:
        write_caller(written, http)
    if http.keeps_case:
        keep_case(written.http_protocol_options)
    if not http.request_id:
        written.generate_request_id.value = False
    _write_server(written, side, http)
    return written


def _write_paths(written: pb.HttpConnectionManager, http: HttpSettings) -> None:
    """What is matched and what the application gets must be the same path."""
    written.normalize_path.value = http.normalize
    written.merge_slashes = http.merge_slashes
    if http.decode_slashes:
        written.path_with_escaped_slashes_action = pb.HttpConnectionManager.UNESCAPE_AND_FORWARD


def _without_envoys_words() -> pb.TypedExtensionConfig:
    """What callers from outside say in Envoy's name (of paths before a rewrite, of retries) is not believed."""
    config = pb.EarlyHeaderMutation()
    config.mutations.add().remove_on_match.key_matcher.prefix = "x-envoy-"
    return pb.TypedExtensionConfig(
        name="envoy.http.early_header_mutation.header_mutation", typed_config=pb.any_of(config)
    )


def _write_server(written: pb.HttpConnectionManager, side: Side, http: HttpSettings) -> None:
    if http.server:
        written.server_name = http.server
    elif http.server is not None or side is Side.INBOUND:
        # The application's own name stays: to the caller the sidecar is not there.
        written.server_header_transformation = pb.HttpConnectionManager.PASS_THROUGH


def write_caller(written: pb.HttpConnectionManager, http: HttpSettings) -> None:
    """Tell the application who called, in place of what the caller says of it: `X-Forwarded-Client-Cert`."""
    way = http.client_certificate or ForwardClientCert.SANITIZE_SET
    details = http.details or _DETAILS
    written.forward_client_cert_details = FORWARD[way]
    told = written.set_current_client_cert_details
    told.subject.value = bool(details.subject)
    told.cert, told.chain = bool(details.cert), bool(details.chain)
    told.uri, told.dns = bool(details.uri), bool(details.dns)
