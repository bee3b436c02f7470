"""Words that several traffic kinds share.

Place:  model/traffic → check → compose
API:    networking.istio.io v1, v1beta1, v1alpha3
"""

from typing import ClassVar

from meltemi.core.model.units import Percent as PercentNumber
from meltemi.core.model.value import Value


class StringMatch(Value, frozen=True, kw_only=True):
    """How a text is compared; at most one field is set."""

    ONEOFS: ClassVar = (("exact", "prefix", "regex"),)

    exact: str | None = None
    prefix: str | None = None
    regex: str | None = None
    """RE2 syntax; must match the whole text."""


class Percent(Value, frozen=True, kw_only=True):
    """A share of requests. (Named as the message; the unit is `units.Percent`.)"""

    value: PercentNumber = PercentNumber(0.0)


class PortSelector(Value, frozen=True, kw_only=True):
    """A port of a service."""

    number: int | None = None
    name: str = ""
    """Only in Istio 0.8; refused by check."""


class Destination(Value, frozen=True, kw_only=True):
    """A service, or a subset of it."""

    host: str = ""
    """A host of the service registry; short names are completed with the document's namespace."""
    subset: str = ""
    port: PortSelector | None = None
    """May be absent where the service has one port only."""


class WorkloadSelector(Value, frozen=True, kw_only=True):
    """Message istio.networking.v1alpha3.WorkloadSelector; other kinds have that of istio.type, with `matchLabels`."""

    labels: tuple[tuple[str, str], ...] = ()


class PolicyTargetReference(Value, frozen=True, kw_only=True):
    """What a policy is for, in place of a selector."""

    group: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    """Only the policy's own, or none."""
