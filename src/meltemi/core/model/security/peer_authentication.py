"""PeerAuthentication: whether callers of a workload must come by mutual TLS.

Place:  model/security → check/peer_authentication, compose/peer_authentication
API:    security.istio.io v1, v1beta1
"""

from enum import StrEnum

from meltemi.core.model.value import Value


class WorkloadSelector(Value, frozen=True, kw_only=True):
    """Message istio.type.v1beta1.WorkloadSelector."""

    match_labels: tuple[tuple[str, str], ...] = ()


class MutualTLSMode(StrEnum):
    """Message PeerAuthentication.MutualTLS.Mode."""

    UNSET = "UNSET"
    """As the next wider policy says; where none says anything, PERMISSIVE."""
    DISABLE = "DISABLE"
    """Plain text only: what is TLS is the application's own."""
    PERMISSIVE = "PERMISSIVE"
    """Mutual TLS and plain text."""
    STRICT = "STRICT"
    """Mutual TLS only."""


class MutualTLS(Value, frozen=True, kw_only=True):
    """Message PeerAuthentication.MutualTLS."""

    mode: MutualTLSMode = MutualTLSMode.UNSET


class PeerAuthentication(Value, frozen=True, kw_only=True):
    """What a mesh, a namespace or a workload demands of its callers."""

    selector: WorkloadSelector | None = None
    """Workloads by `match_labels`; without any it speaks for the namespace, in the root namespace for the mesh."""
    mtls: MutualTLS | None = None
    port_level_mtls: tuple[tuple[str, MutualTLS], ...] | None = None
    """The workload's port, in decimals → what holds there instead."""
