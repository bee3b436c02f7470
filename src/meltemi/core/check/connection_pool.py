"""Rules for `connectionPool`.

Place:  model/traffic → [check/connection_pool] → view/cluster
"""

from collections.abc import Iterator

from meltemi.core.check.report import at, error
from meltemi.core.check.values import check_duration, check_duration_or_zero, check_not_negative
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.destination_rule import (
    ConnectionPoolSettings,
    H2UpgradePolicy,
    HTTP2KeepAlive,
    HTTPSettings,
    TCPSettings,
)


def check_connection_pool(pool: ConnectionPoolSettings | None, path: Path) -> Iterator[Finding]:
    """Limits of connections and requests."""
    if pool is None:
        return
    if pool.http is None and pool.tcp is None:
        yield error("M2201", path, "the connection pool says nothing", "write 'tcp' or 'http'")
    if pool.http:
        yield from _check_http(pool.http, at(path, "http"))
    if pool.tcp:
        yield from _check_tcp(pool.tcp, at(path, "tcp"))


def _check_http(http: HTTPSettings, path: Path) -> Iterator[Finding]:
    for word, number in (
        ("http1MaxPendingRequests", http.http1_max_pending_requests),
        ("http2MaxRequests", http.http2_max_requests),
        ("maxRequestsPerConnection", http.max_requests_per_connection),
        ("maxRetries", http.max_retries),
        ("maxConcurrentStreams", http.max_concurrent_streams),
    ):
        yield from check_not_negative(number, at(path, word))
    yield from check_duration_or_zero(http.idle_timeout, at(path, "idleTimeout"))
    if http.h2_upgrade_policy is H2UpgradePolicy.UPGRADE and http.use_client_protocol:
        place = at(path, "useClientProtocol")
        yield error(
            "M2211", place, "the client's protocol is not kept where HTTP/1.1 is upgraded", "remove one of the two"
        )
    if http.http2_keep_alive:
        yield from _check_keep_alive(http.http2_keep_alive, at(path, "http2KeepAlive"))


def _check_keep_alive(keep_alive: HTTP2KeepAlive, path: Path) -> Iterator[Finding]:
    if keep_alive.timeout is None:
        yield error("M2013", path, "'timeout' is missing", "say how long an answer to a ping may take")
    yield from check_duration(keep_alive.timeout, at(path, "timeout"))
    yield from check_duration(keep_alive.interval, at(path, "interval"))


def _check_tcp(tcp: TCPSettings, path: Path) -> Iterator[Finding]:
    yield from check_not_negative(tcp.max_connections, at(path, "maxConnections"))
    yield from check_duration(tcp.connect_timeout, at(path, "connectTimeout"))
    yield from check_duration(tcp.max_connection_duration, at(path, "maxConnectionDuration"))
    yield from check_duration_or_zero(tcp.idle_timeout, at(path, "idleTimeout"))
    if tcp.tcp_keepalive:
        place = at(path, "tcpKeepalive")
        yield from check_not_negative(tcp.tcp_keepalive.probes, at(place, "probes"))
        yield from check_duration(tcp.tcp_keepalive.time, at(place, "time"))
        yield from check_duration(tcp.tcp_keepalive.interval, at(place, "interval"))
