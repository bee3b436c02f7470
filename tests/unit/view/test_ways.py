"""Tunnels, PROXY headers and retry budgets: whose word counts, and what Envoy is told."""

from meltemi.core.envoy.cluster import cluster_message
from meltemi.core.model.traffic.destination_rule import (
    ClientTLSMode,
    ClientTLSSettings,
    PortSelector,
    PortTrafficPolicy,
    ProxyProtocol,
    ProxyProtocolVersion,
    RetryBudget,
    TrafficPolicy,
    TunnelSettings,
)
from meltemi.core.model.units import PortNumber, Seconds
from meltemi.core.view.cluster import Cluster, Discovery
from meltemi.core.view.connection_pool import Pool
from meltemi.core.view.traffic_policy import NO_POLICY, over
from meltemi.core.view.upstream_tls import ClientTLS

ANNOUNCED = "envoy.transport_sockets.upstream_proxy_protocol"


def cluster(
    tls: ClientTLS | None = None, mutual: ClientTLS | None = None, budget: RetryBudget | None = None
) -> Cluster:
    pool = Pool(connect_timeout=Seconds(1), budget=budget)
    version = ProxyProtocolVersion.V2
    return Cluster(name="c", discovery=Discovery.EDS, pool=pool, tls=tls, mutual=mutual, announces=version)


def test_settings_of_a_port_replace_those_that_a_port_can_have_only() -> None:
    mode = ClientTLSSettings(mode=ClientTLSMode.SIMPLE)
    port = PortTrafficPolicy(port=PortSelector(number=PortNumber(80)))
    written = TrafficPolicy(
        tls=mode, tunnel=TunnelSettings(), proxy_protocol=ProxyProtocol(), retry_budget=RetryBudget(),
        port_level_settings=(port,),
    )  # fmt: skip

    found = over(NO_POLICY, written, 80)
    assert found.tls is None
    assert None not in (found.tunnel, found.proxy_protocol, found.retry_budget)
    # What a subset leaves out, it has from its host.
    assert over(found, TrafficPolicy(), 80) == found


def test_a_header_goes_before_plain_text_and_tls() -> None:
    plain, secured = cluster_message(cluster()), cluster_message(cluster(tls=ClientTLS()))

    assert plain.transport_socket.name == secured.transport_socket.name == ANNOUNCED
    assert b"raw_buffer" in plain.transport_socket.typed_config.value
    assert b"UpstreamTlsContext" in secured.transport_socket.typed_config.value


def test_a_header_goes_before_mutual_tls_and_its_absence() -> None:
    written = cluster_message(cluster(mutual=ClientTLS()))

    assert [m.transport_socket.name for m in written.transport_socket_matches] == [ANNOUNCED] * 2
    assert not written.HasField("transport_socket")


def test_a_budget_that_says_nothing_is_one() -> None:
    limits = cluster_message(cluster(budget=RetryBudget())).circuit_breakers.thresholds[0]

    assert limits.HasField("retry_budget")
    assert not limits.retry_budget.HasField("budget_percent")
    assert not cluster_message(cluster()).circuit_breakers.thresholds[0].HasField("retry_budget")
