"""Write Envoy's HTTP connection manager.

Place:  view/listener → [envoy/hcm] → envoy/{listener,inbound}
Source: Istio, "Configuring Gateway Network Topology" (client addresses), "Security: path normalization"
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.access_log import access_logs
from meltemi.core.envoy.filters import Side, http_filters
from meltemi.core.view.access_log import LogTo
from meltemi.core.view.listener import Chain, Listener

FILTER = "envoy.filters.network.http_connection_manager"


def http_connection_manager(chain: Chain, listener: Listener) -> list[pb.Filter]:
    """The filters of an outbound or gateway chain whose requests are routed by a table."""
    side = Side.GATEWAY if listener.gateway else Side.OUTBOUND
    written = manager(side, chain.stat_prefix or chain.table, listener.access_log, by_name=listener.resolves_names)
    written.rds.route_config_name = chain.table
    written.rds.config_source.CopyFrom(pb.ads())
    return [filter_of(written)]


def filter_of(written: pb.HttpConnectionManager) -> pb.Filter:
    """A connection manager as the last network filter."""
    return pb.Filter(name=FILTER, typed_config=pb.any_of(written))


def manager(
    side: Side, stat_prefix: str, log: LogTo | None, *, grpc_web: bool = False, by_name: bool = False
) -> pb.HttpConnectionManager:
    """A connection manager without routes."""
    written = pb.HttpConnectionManager(
        stat_prefix=stat_prefix,
        http_filters=http_filters(side, grpc_web=grpc_web, by_name=by_name),
        access_log=access_logs(log),
        stream_idle_timeout=pb.duration(0),
        server_name="istio-envoy",
        upgrade_configs=[pb.HttpConnectionManager.UpgradeConfig(upgrade_type="websocket")],
        # What is matched and what the application gets must be the same path.
        normalize_path=pb.BoolValue(value=True),
        use_remote_address=pb.BoolValue(value=side is Side.GATEWAY),
        # What a caller says of certificates that it has seen is not believed.
        forward_client_cert_details=pb.HttpConnectionManager.SANITIZE,
    )
    if side is Side.GATEWAY:
        write_caller(written)
        written.set_current_client_cert_details.cert = True  # as Istio's: the client is no workload of the mesh
    if side is Side.INBOUND:
        # The application's own name stays: to the caller the sidecar is not there.
        written.server_header_transformation = pb.HttpConnectionManager.PASS_THROUGH
    return written


def write_caller(written: pb.HttpConnectionManager) -> None:
    """Tell the application who called, in place of what the caller says of it: `X-Forwarded-Client-Cert`."""
    written.forward_client_cert_details = pb.HttpConnectionManager.SANITIZE_SET
    written.set_current_client_cert_details.subject.value = True
    written.set_current_client_cert_details.uri = True
    written.set_current_client_cert_details.dns = True
