"""Hosts that are the same to all clients, so that what is made of them is made once for all.

Place:  compose/{destination_rules,virtual_services,visibility} → [compose/common] → view/virtual_host, pipeline

Most hosts of a large mesh are: nobody speaks of them, and everyone sees them.
"""

from meltemi.core.compose.destination_rules import rules_of
from meltemi.core.compose.export import EVERYONE
from meltemi.core.compose.registry import hosts
from meltemi.core.compose.virtual_services import has_rules
from meltemi.core.compose.visibility import exported
from meltemi.core.engine.engine import Engine

ANYWHERE = ""
"""The namespace of a client that stands for all."""


def common_hosts(e: Engine) -> frozenset[str]:
    """Hosts that everyone sees, and of which no rule speaks: but for their names they are the same to all clients."""
    return frozenset(
        host
        for host in e.get(hosts)
        if EVERYONE in e.get(exported, host) and not e.get(has_rules, host) and not e.get(rules_of, host)
    )
