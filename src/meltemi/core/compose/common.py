"""Hosts that are the same to all clients, so that what is made of them is made once for all.

Place:  compose/{destination_rules,virtual_services,visibility} → [compose/common] → view/virtual_host, pipeline

Most hosts of a large mesh are: nobody speaks of them, and everyone sees them.
"""

from meltemi.core.compose.destination_rules import rules_of
from meltemi.core.compose.registry import hosts, near_hosts
from meltemi.core.compose.virtual_services import has_rules
from meltemi.core.compose.visibility import everyones_hosts
from meltemi.core.engine.engine import Engine


def common_hosts(e: Engine) -> frozenset[str]:
    """Hosts that everyone sees, and of which no rule speaks: but for their names they are the same to all clients."""
    return frozenset(
        host for host in e.get(everyones_hosts) if not e.get(has_rules, host) and not e.get(rules_of, host)
    )


def other_hosts(e: Engine) -> tuple[str, ...]:
    """All others, sorted: each client looks at them for itself."""
    common = e.get(common_hosts)
    return tuple(host for host in e.get(hosts) if host not in common)


def common_at(e: Engine, home: str) -> tuple[str, ...]:
    """The common ones among the hosts whose name says one namespace."""
    common = e.get(common_hosts)
    return tuple(host for host in e.get(near_hosts, home) if host in common)
