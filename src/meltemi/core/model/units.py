"""Units, so that a number says what it counts.

Place:  model · imported by all stages
"""

from typing import NewType

Seconds = NewType("Seconds", float)
"""A time span in seconds, 0 or more."""

Percent = NewType("Percent", float)
"""0 to 100, both included; steps of 0.0001 are kept (Envoy's TEN_THOUSANDTH and MILLION)."""

PortNumber = NewType("PortNumber", int)
"""A TCP port, 1 to 65535."""
