"""What the control plane measures of itself, under Istio's names where Istio has them.

Place:  shell/{ingest,publish,session}, servers/xds → [measures] → servers/api/introspection (`/metrics`)
Source: Istio, "pilot-discovery", exported metrics. What Istio has no word for begins with `meltemi_`.

One process may hold several control planes (tests do), so nothing here is global.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from meltemi.core.model.resource import ResourceType
from meltemi.shell.tally import Clock, Count, Family, Spread, counts, spreads
from meltemi.version import VERSION

TYPES = {
    ResourceType.RUNTIME: "rtds",
    ResourceType.SECRET: "sds",
    ResourceType.CLUSTER: "cds",
    ResourceType.ENDPOINTS: "eds",
    ResourceType.EXTENSION: "ecds",
    ResourceType.LISTENER: "lds",
    ResourceType.ROUTES: "rds",
    ResourceType.VIRTUAL_HOST: "vhds",
}
"""As Istio's label `type` names them."""
STAGES = ("api", "check", "derive", "offer", "scope", "enter", "step")
"""Requests of the API are answered. A burst's documents are read and checked; cells are derived; lists and bodies go
into offers; proxies' scopes are looked at. Of a proxy that connects: what its scope gets. Of every stream: what it does
about a change or a request."""
_OFTEN = "step"
"""So often and so short that to ask the kernel for CPU time would cost a tenth of it: by the clock of the wall."""
_UPDATES = {"EndpointSlice": "eds", "Service": "svc"}
"""Istio's words for what comes; it has none for the rest of Kubernetes."""
_TRIGGERS = {
    "EndpointSlice": "endpoint", "Endpoints": "endpoint", "Service": "service", "Pod": "proxy",
    "Namespace": "namespace", "Secret": "secret", "ConfigMap": "global",
}  # fmt: skip
"""Istio's reasons."""
_SPANS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 5, 10, 20, 30)
"""Seconds: from a thousandth, where a push costs that little, to Istio's last bound."""
_SIZES = (1e3, 1e4, 1e5, 1e6, 4e6, 1e7, 4e7)


class Measures:
    """Counters, and functions that count when somebody asks."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._began: float | None = None
        pushes = self._counter("pilot_xds_pushes", "Responses that were sent to proxies.", "type")
        rejects = self._counter("pilot_total_xds_rejects", "Resources that proxies refused.", "type")
        sent = self._counter("meltemi_xds_sent_bytes", "Bytes of responses that were sent to proxies.", "type")
        size = self._histogram("pilot_xds_config_size_bytes", "Bytes of a response.", "type", bounds=_SIZES)
        self._pushes = {kind: pushes.labels(name) for kind, name in TYPES.items()}
        self._rejects = {kind: rejects.labels(name) for kind, name in TYPES.items()}
        self._sent = {kind: sent.labels(name) for kind, name in TYPES.items()}
        self._size = {kind: size.labels(name) for kind, name in TYPES.items()}
        self._write = self._histogram("pilot_xds_send_time", "Seconds until a response was taken from us.").labels()
        self._converged = self._histogram(
            "pilot_proxy_convergence_time", "Seconds from a change until a proxy had answered for all of it."
        ).labels()
        joined = self._histogram("pilot_xds_push_time", "Seconds to put a response together.", "type")
        self._joined = {kind: joined.labels(name) for kind, name in TYPES.items()}
        self._settled = self._histogram(
            "meltemi_settle_time", "Seconds to derive a change and tell all streams."
        ).labels()
        self._queue = self._histogram("pilot_proxy_queue_time", "Seconds until a stream looked at a change.").labels()
        stages = counts("meltemi_stage_seconds", "Seconds of CPU spent in a stage of the work.", ("stage",), Clock)
        self._registry.register(stages)
        self._stages = {name: stages.labels(name) for name in STAGES}
        for name in STAGES:
            self._stages[name].now = time.monotonic if name == _OFTEN else time.thread_time
        self._faults = self._counter(
            "pilot_total_xds_internal_errors", "Times that something could not be derived."
        ).labels()
        self._updates = self._counter("pilot_inbound_updates", "Changes that were received.", "type")
        self._gathered = self._histogram(
            "pilot_debounce_time", "Seconds that a burst of changes was gathered."
        ).labels()
        self._config = self._counter("pilot_k8s_cfg_events", "Changes of the mesh's own kinds.", "type", "event")
        self._registered = self._counter("pilot_k8s_reg_events", "Changes of Kubernetes' kinds.", "type", "event")
        self._pushed = self._counter("pilot_push_triggers", "Bursts that were told, by what was in them.", "type")
        self._triggers: set[str] = set()
        """What is in the burst that is gathered."""
        expired = self._counter("pilot_xds_expired_nonce", "Answers to what was answered already.", "type")
        self._expired = {kind: expired.labels(name) for kind, name in TYPES.items()}
        self.gauge("pilot_info", "What runs here.", lambda: 1, version=VERSION)
        self.gauge("istio_build", "What runs here.", lambda: 1, component="pilot", tag=VERSION)
        ProcessCollector(registry=self._registry)

    # === from ingest ===

    def changed(self, *, group: str, kind: str, event: str) -> None:
        """The store told a change: `add`, `update` or `delete`."""
        counter = self._config if group.endswith("istio.io") else self._registered
        counter.labels(kind, event).inc()
        self._updates.labels("config" if counter is self._config else _UPDATES.get(kind, "kube")).inc()
        self._triggers.add("config" if counter is self._config else _TRIGGERS.get(kind, "unknown"))

    def gathering(self, now: float) -> None:
        """A burst begins."""
        self._began = now

    def gathered(self, now: float, *, whole: bool = True) -> None:
        """The burst has ended, and is settled next; or, where it is not whole, its endpoints are."""
        told = self._triggers if whole else self._triggers & {"endpoint"}
        for one in told:
            self._pushed.labels(one).inc()
        self._triggers = self._triggers - told
        if self._began is not None:
            self._gathered.observe(now - self._began)

    # === from publish and session ===

    def began(self, now: float) -> float:
        """When the change that is being told came; now, where nothing was gathered."""
        return now if self._began is None else self._began

    def settled(self, took: float) -> None:
        """A change was derived and told."""
        self._settled.observe(took)
        self._began = None

    def stage(self, name: str) -> Clock:
        """Around the work of a stage, one of `STAGES`. No stage stands within another."""
        return self._stages[name]

    def spent(self, name: str, seconds: float) -> None:
        """CPU was spent in a stage, one of `STAGES`."""
        self._stages[name].inc(seconds)

    def failed(self) -> None:
        """A fault of ours: something could not be derived."""
        self._faults.inc()

    def queued(self, took: float) -> None:
        """A stream looks at the changes that it was told of."""
        self._queue.observe(took)

    def converged(self, took: float) -> None:
        """A proxy has answered for all that it was told."""
        self._converged.observe(took)

    def refused(self, kind: ResourceType) -> None:
        """A proxy refused a resource."""
        self._rejects[kind].inc()

    def expired(self, kind: ResourceType) -> None:
        """A proxy answered what it had answered already, or was never sent."""
        self._expired[kind].inc()

    def sent(self, kind: ResourceType, size: int, took: float) -> None:
        """A response is on its way to a proxy; seconds that it took to put together."""
        self._pushes[kind].inc()
        self._joined[kind].observe(took)
        self._sent[kind].inc(size)
        self._size[kind].observe(size)

    # === from servers/xds ===

    def written(self, took: float) -> None:
        """The transport has taken a response."""
        self._write.observe(took)

    # === asked for ===

    def gauge(self, name: str, about: str, count: Callable[[], float], **labels: str) -> None:
        """A number that is counted when it is asked for."""
        gauge = Gauge(name, about, tuple(labels), registry=self._registry)
        (gauge.labels(**labels) if labels else gauge).set_function(count)

    def gauges(self, name: str, about: str, label: str, count: Callable[[], Mapping[str, float]]) -> None:
        """Numbers by the value of a label that are counted when they are asked for."""
        self._registry.register(_Counted(name, about, label, count))

    def counter(self, name: str, about: str, *labels: str) -> Family[Count]:
        """A counter of another room."""
        return self._counter(name, about, *labels)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it. Most of Istio's counters have no `_total` at their end: nor have these."""
        return _SUFFIX.sub(rb"\1", generate_latest(self._registry))

    def _counter(self, name: str, about: str, *labels: str) -> Family[Count]:
        family = counts(name, about, labels, Count)
        self._registry.register(family)
        return family

    def _histogram(self, name: str, about: str, *labels: str, bounds: tuple[float, ...] = _SPANS) -> Family[Spread]:
        family = spreads(name, about, labels, bounds)
        self._registry.register(family)
        return family


class _Counted(Collector):
    def __init__(self, name: str, about: str, label: str, count: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._about, self._label, self._count = name, about, label, count

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(self._name, self._about, labels=[self._label])
        for value, number in self._count().items():
            family.add_metric([value], number)
        yield family

    def describe(self) -> list[Metric]:
        """Nothing is counted when it is registered."""
        return []


_SUFFIX = re.compile(rb"^((?:# (?:HELP|TYPE) )?(?!process_|sidecar_)\w+)_total(?=[ {])", re.MULTILINE)
