"""Write changes to headers, for a route or for one destination of it.

Place:  view/headers → [envoy/headers] → envoy/route
"""

from typing import Protocol

from meltemi.core.envoy import pb
from meltemi.core.view.headers import HeaderChanges


class Holder(Protocol):
    """Route, WeightedCluster.ClusterWeight: messages with the same four fields."""

    @property
    def request_headers_to_add(self) -> "pb.Repeated[pb.HeaderValueOption]": ...
    @property
    def request_headers_to_remove(self) -> "pb.Repeated[str]": ...
    @property
    def response_headers_to_add(self) -> "pb.Repeated[pb.HeaderValueOption]": ...
    @property
    def response_headers_to_remove(self) -> "pb.Repeated[str]": ...


def write_headers(changes: HeaderChanges, holder: Holder) -> None:
    """Add the changes to a message."""
    holder.request_headers_to_add.extend(_options(changes.request_set, changes.request_add))
    holder.request_headers_to_remove.extend(changes.request_remove)
    holder.response_headers_to_add.extend(_options(changes.response_set, changes.response_add))
    holder.response_headers_to_remove.extend(changes.response_remove)


def _options(set_: tuple[tuple[str, str], ...], add: tuple[tuple[str, str], ...]) -> list[pb.HeaderValueOption]:
    overwrite = pb.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    append = pb.HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
    both = [(pair, overwrite) for pair in set_] + [(pair, append) for pair in add]
    return [
        pb.HeaderValueOption(header=pb.HeaderValue(key=name, value=value), append_action=action)
        for (name, value), action in both
    ]
