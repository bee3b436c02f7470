"""Rules for traffic policies: of a host, of its ports, of a subset.

Place:  model/traffic → [check/traffic_policy] → view/cluster
"""

from collections.abc import Iterator

from meltemi.core.check.client_tls import check_client_tls
from meltemi.core.check.connection_pool import check_connection_pool
from meltemi.core.check.load_balancer import check_load_balancer
from meltemi.core.check.names import check_port, host_fault, is_address
from meltemi.core.check.outlier import check_outlier
from meltemi.core.check.report import at, error, required
from meltemi.core.check.values import check_not_negative
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.destination_rule import (
    PortTrafficPolicy,
    RetryBudget,
    TrafficPolicy,
    TunnelSettings,
)


def check_traffic_policy(policy: TrafficPolicy | None, path: Path) -> Iterator[Finding]:
    """Every fault of a policy; None is sound."""
    if policy is None:
        return
    if policy == TrafficPolicy():
        yield error("M2201", path, "the traffic policy says nothing", "write a setting, or leave it out")
    if policy.tunnel and policy.proxy_protocol:
        yield error("M2209", at(path, "tunnel"), "'tunnel' and 'proxyProtocol' exclude each other", "keep one of them")
    yield from _check_settings(policy, path)
    for i, port in enumerate(policy.port_level_settings):
        yield from _check_port(port, at(path, "portLevelSettings", i))
    yield from _check_tunnel(policy.tunnel, at(path, "tunnel"))
    yield from _check_budget(policy.retry_budget, at(path, "retryBudget"))


def _check_settings(policy: TrafficPolicy | PortTrafficPolicy, path: Path) -> Iterator[Finding]:
    yield from check_outlier(policy.outlier_detection, at(path, "outlierDetection"))
    yield from check_connection_pool(policy.connection_pool, at(path, "connectionPool"))
    yield from check_load_balancer(policy.load_balancer, policy.outlier_detection, at(path, "loadBalancer"))
    yield from check_client_tls(policy.tls, at(path, "tls"))


def _check_port(policy: PortTrafficPolicy, path: Path) -> Iterator[Finding]:
    if policy.port is None:
        yield required(path, "port", "write 'port: {number: …}'")
    else:
        yield from check_port(policy.port.number, at(path, "port", "number"))
    if not (policy.load_balancer or policy.connection_pool or policy.outlier_detection or policy.tls):
        yield error("M2201", path, "the traffic policy says nothing", "write a setting, or leave it out")
    yield from _check_settings(policy, path)


def _check_tunnel(tunnel: TunnelSettings | None, path: Path) -> Iterator[Finding]:
    if tunnel is None:
        return
    if tunnel.protocol not in ("", "CONNECT", "POST"):
        yield error("M2209", at(path, "protocol"), f"unknown protocol {tunnel.protocol!r}", "write 'CONNECT' or 'POST'")
    fault = host_fault(tunnel.target_host, wildcard=False)
    if fault and not is_address(tunnel.target_host):
        yield error("M2001", at(path, "targetHost"), fault)
    yield from check_port(tunnel.target_port, at(path, "targetPort"))


def _check_budget(budget: RetryBudget | None, path: Path) -> Iterator[Finding]:
    if budget is None:
        return
    if budget.percent is not None and not 0 <= budget.percent <= 100:
        yield error("M2005", at(path, "percent"), f"{budget.percent:g} is no percentage", "write 0.0 to 100.0")
    yield from check_not_negative(budget.min_retry_concurrency, at(path, "minRetryConcurrency"))
