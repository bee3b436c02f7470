"""Namespace, ServiceAccount, ConfigMap and Secret: the kinds that are little more than a name and data.

Place:  model/kube → compose, inject, node
API:    v1
"""

from meltemi.core.model.value import Value


class Namespace(Value, frozen=True, kw_only=True):
    """A namespace; all that the mesh reads are its labels."""


class ServiceAccount(Value, frozen=True, kw_only=True):
    """The identity of workloads; all that the mesh reads is its name."""


class ConfigMap(Value, frozen=True, kw_only=True):
    """Named texts and bytes."""

    data: tuple[tuple[str, str], ...] = ()
    binary_data: tuple[tuple[str, bytes], ...] = ()


class Secret(Value, frozen=True, kw_only=True):
    """Named bytes, decoded. `stringData` is already merged into `data` by whoever stored it, and wins here too."""

    type: str = ""
    """`Opaque`, `kubernetes.io/tls`, …"""
    data: tuple[tuple[str, bytes], ...] = ()
    string_data: tuple[tuple[str, str], ...] = ()
