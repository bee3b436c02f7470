"""Labels of workloads that routing asks for: what a Scope must keep of them.

Place:  compose, view → [view/labels] → pipeline/scope
"""

from meltemi.core.compose.gateways import selections
from meltemi.core.compose.virtual_services import heads
from meltemi.core.engine.engine import Engine
from meltemi.core.view.route import label_names
from meltemi.core.view.tcp_route import connection_labels


def routing_labels(e: Engine) -> frozenset[str]:
    """Names of labels that a Gateway's selector or some `sourceLabels` names."""
    selected = {name for chosen in e.get(selections) for name, _ in chosen.selector}
    keys = [h.key for h in e.get(heads)]
    asked = {name for key in keys for name in (*e.get(label_names, key), *e.get(connection_labels, key))}
    return frozenset(selected | asked)
