"""The proxy that asks for configuration, and the part of it that configuration may depend on.

Place:  model · Proxy from servers/xds or `compile`; Scope is what pipeline and view are given
"""

from enum import StrEnum

from msgspec import structs

from meltemi.core.model.document import LOCAL_CLUSTER, Key
from meltemi.core.model.mesh_proxy import OwnSettings
from meltemi.core.model.units import PortNumber
from meltemi.core.model.value import Value

ISTIO_VERSION = "1.30.0"
"""The Istio whose API the mesh has: what proxies say that they are to `proxyVersion` of an EnvoyFilter."""


DISCOVERY = "DISCOVERY"
"""Node metadata of a proxy that says how it finds what its workload calls."""


class Discovery(StrEnum):
    """How sidecars find what their workloads call."""

    FULL = "full"
    """They hold all that is seen."""
    ONDEMAND = "ondemand"
    """They hold what was called or declared, and ask for the rest when it is called."""
    AUTO = "auto"
    """On demand in a large mesh. A setting only: a proxy does one or the other."""


class Role(StrEnum):
    """What a proxy is for (Istio's node types)."""

    SIDECAR = "sidecar"
    ROUTER = "router"


class Proxy(Value, frozen=True, kw_only=True):
    """A connected proxy, as its transport, its Pod and its node message describe it."""

    role: Role
    id: str
    """`pod.namespace`."""
    namespace: str
    addresses: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    """Of the workload, sorted."""
    metadata: tuple[tuple[str, str], ...] = ()
    """Top-level node metadata with text values, sorted."""


class Target(Value, frozen=True, kw_only=True, order=True):
    """One port of one service that the workload itself answers."""

    host: str
    port: PortNumber
    """The service's port."""
    target: PortNumber
    """The workload's port."""


class Sight(Value, frozen=True, kw_only=True):
    """From where a workload looks at the mesh: equal sights see the same hosts and rules."""

    namespace: str
    sidecar: Key | None = None
    """The Sidecar that narrows what is seen."""
    listener: int | None = None
    """One of its egress listeners, which sees what its own hosts name; None: all of them together."""
    named: bool = False
    """The mesh answers its questions for names: services without addresses have some here."""

    @property
    def wide(self) -> "Sight":
        """All egress listeners together."""
        return structs.replace(self, listener=None)

    @property
    def anywhere(self) -> "Sight":
        """From nowhere in particular: what all see that no Sidecar narrows."""
        return Sight(namespace="", named=self.named)

    @property
    def is_open(self) -> bool:
        """Whether it adds to what is seen `anywhere`: no Sidecar narrows it."""
        return self.sidecar is None and self.namespace != ""


class Answers(Value, frozen=True, kw_only=True):
    """What a workload answers: services' ports, or the ingress listeners of a Sidecar instead."""

    targets: tuple[Target, ...] = ()
    """Sorted."""
    sidecar: Key | None = None
    """The Sidecar in force."""
    address: str = ""
    """The workload's own, where a listener of the Sidecar binds."""


class Caller(Value, frozen=True, kw_only=True):
    """A workload that is known by what it calls: what it holds is found on demand."""

    namespace: str
    owner: str
    """The object that made its pods (ISTIO_META_OWNER)."""


class Served(Value, frozen=True, kw_only=True):
    """A workload, as far as roles and authentication Policies ask for it (core/legacy)."""

    namespace: str
    labels: tuple[tuple[str, str], ...] = ()
    """Sorted; only those that some role names."""
    targets: tuple[Target, ...] = ()
    account: str = ""
    """Empty where no role asks for it."""


class PatchSet(Value, frozen=True, kw_only=True):
    """A document whose patches change what a proxy gets (an EnvoyFilter, or an extension)."""

    key: Key
    only: tuple[int, ...] | None = None
    """Those of its patches that the proxy is meant by; None for all."""


class Scope(Value, frozen=True, kw_only=True):
    """All that configuration may depend on; proxies with equal scopes share every byte.

    A derived function is given this (or a part) and never the proxy, so it cannot read the rest.
    Source: Istio, architecture/networking/pilot.md, "Caching".
    """

    role: Role
    namespace: str
    labels: tuple[tuple[str, str], ...] = ()
    """Sorted; only labels that some selector in the mesh names."""
    targets: tuple[Target, ...] = ()
    """Sorted: what the workload answers itself."""
    sidecar: Key | None = None
    """The Sidecar in force."""
    address: str = ""
    """The workload's own, where a listener of the Sidecar binds; else empty."""
    narrowed: bool = False
    """It says which hosts are seen."""
    account: str = ""
    """Of the workload; empty where nothing asks for it."""
    cluster: str = LOCAL_CLUSTER
    network: str = ""
    locality: str = ""
    """`region/zone/subzone`."""
    ip_families: tuple[str, ...] = ("ipv4",)
    interception: str = "REDIRECT"
    """`REDIRECT`, `TPROXY` or `NONE`."""
    patches: tuple[PatchSet, ...] = ()
    """What is changed after all features, in this order."""
    named: bool = False
    """As of a Sight."""
    own: OwnSettings = OwnSettings()
    """Of its ProxyConfig, what changes while it runs."""
    caller: Caller | None = None
    """On demand: the workload whose calls say what is held. None: all that is seen is held."""

    @property
    def sight(self) -> Sight:
        return Sight(namespace=self.namespace, sidecar=self.sidecar if self.narrowed else None, named=self.named)

    @property
    def whole(self) -> "Scope":
        """The same, with all that is seen."""
        return structs.replace(self, caller=None)

    @property
    def answers(self) -> Answers:
        return Answers(targets=self.targets, sidecar=self.sidecar, address=self.address)
