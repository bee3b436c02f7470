"""Rules for WorkloadEntry as a kind of its own, WorkloadGroup and ProxyConfig.

Place:  parse → [check/workload_group] → check/document
Source: Istio, pkg/config/validation.
"""

from collections.abc import Iterator

from meltemi.core.check.headers import check_header_name
from meltemi.core.check.names import check_labels, check_port, check_selector
from meltemi.core.check.report import ROOT, at, error, note, required, warning
from meltemi.core.check.values import check_not_negative
from meltemi.core.check.workload_entry import check_workload
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.proxy_config import ProxyConfig
from meltemi.core.model.traffic.service_entry import WorkloadEntry
from meltemi.core.model.traffic.sidecar import ReadinessProbe, WorkloadGroup


def check_workload_entry(entry: WorkloadEntry) -> Iterator[Finding]:
    """An endpoint whose service is not known here: all kinds of addresses are possible."""
    yield from check_workload(entry, ROOT, ports=None, names=True, sockets=True)


def check_workload_group(group: WorkloadGroup) -> Iterator[Finding]:
    """A template, labels and a probe."""
    if group.template is None:
        yield required(ROOT, "template")
    else:
        tip = "make the entry of each machine by 'meltemi x workload entry configure'"
        yield note("M3510", at(ROOT, "template"), "no machine registers itself with the group", tip)
    if group.metadata:
        yield from check_labels(group.metadata.labels, at(ROOT, "metadata", "labels"))
    if group.probe:
        yield from _check_probe(group.probe, at(ROOT, "probe"))


def _check_probe(probe: ReadinessProbe, path: Path) -> Iterator[Finding]:
    for word, number in (
        ("periodSeconds", probe.period_seconds),
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ):
        yield from check_not_negative(number, at(path, word))
    if probe.http_get:
        place = at(path, "httpGet")
        yield from check_port(probe.http_get.port, at(place, "port"))
        if probe.http_get.scheme not in ("", "HTTP", "HTTPS"):
            yield error("M1104", at(place, "scheme"), f"unknown scheme {probe.http_get.scheme!r}", "known: HTTP, HTTPS")
        for i, header in enumerate(probe.http_get.http_headers):
            yield from check_header_name(header.name, at(place, "httpHeaders", i, "name"))
    elif probe.tcp_socket:
        yield from check_port(probe.tcp_socket.port, at(path, "tcpSocket", "port"))
    elif probe.grpc:
        yield from check_port(probe.grpc.port, at(path, "grpc", "port"))
    elif probe.exec:
        if not probe.exec.command:
            yield required(at(path, "exec"), "command")
    else:
        yield error(
            "M2013", path, "the probe does not say how to ask", "write 'httpGet', 'tcpSocket', 'grpc' or 'exec'"
        )


def check_proxy_config(config: ProxyConfig) -> Iterator[Finding]:
    """Numbers of threads, and for whom."""
    yield from check_not_negative(config.concurrency, at(ROOT, "concurrency"))
    if config.selector is None:
        return
    path = at(ROOT, "selector", "matchLabels")
    yield from check_selector(config.selector.match_labels, path)
    if not config.selector.match_labels:
        yield warning("M3502", at(ROOT, "selector"), "a selector without labels selects nobody", "remove 'selector'")
