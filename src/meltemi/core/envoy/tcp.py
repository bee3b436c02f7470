"""Write Envoy's TCP proxy.

Place:  view/listener → [envoy/tcp] → envoy/{listener,inbound}
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.access_log import access_logs
from meltemi.core.envoy.dynamic_dns import sni_resolver
from meltemi.core.envoy.filters import Side, network_filters
from meltemi.core.view.access_log import LogTo
from meltemi.core.view.listener import Chain, Listener, Share

FILTER = "envoy.filters.network.tcp_proxy"


def tcp_proxy(chain: Chain, listener: Listener) -> list[pb.Filter]:
    """The filters of an outbound or gateway chain of bytes."""
    side = Side.GATEWAY if listener.gateway else Side.OUTBOUND
    written = _proxy(chain.shares, chain.stat_prefix or chain.name, listener.access_log)
    if chain.limits.age is not None:
        written.max_downstream_connection_duration.CopyFrom(pb.duration(chain.limits.age))
    if chain.limits.idle is not None:
        written.idle_timeout.CopyFrom(pb.duration(chain.limits.idle))
    if chain.tunnel is not None:
        written.tunneling_config.hostname = chain.tunnel.target
        written.tunneling_config.use_post = chain.tunnel.post
    return _filters(side, written, chain.dialled)


def tcp_filters(side: Side, shares: tuple[Share, ...], stat_prefix: str, log: LogTo | None) -> list[pb.Filter]:
    """The filters of a chain of bytes that go to one cluster, or to several by weight."""
    return _filters(side, _proxy(shares, stat_prefix, log))


def _filters(side: Side, proxy: pb.TcpProxy, dialled: int = 0) -> list[pb.Filter]:
    resolve = [sni_resolver(dialled)] if dialled else []
    return [*network_filters(side), *resolve, pb.Filter(name=FILTER, typed_config=pb.any_of(proxy))]


def _proxy(shares: tuple[Share, ...], stat_prefix: str, log: LogTo | None) -> pb.TcpProxy:
    written = pb.TcpProxy(stat_prefix=stat_prefix, access_log=access_logs(log))
    if len(shares) == 1:
        written.cluster = shares[0].cluster
    else:
        for share in shares:
            written.weighted_clusters.clusters.add(name=share.cluster, weight=share.weight)
    return written
