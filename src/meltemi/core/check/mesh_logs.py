"""Rules for MeshConfig's access log and its selectors of namespaces.

Place:  model/mesh → [check/mesh_logs] → check/mesh
"""

import json
from collections.abc import Iterator

from meltemi.core.check.names import check_labels
from meltemi.core.check.report import at, error
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.mesh import AccessLogEncoding, LabelSelector, MeshConfig, SelectorOperator

WITH_VALUES = (SelectorOperator.IN, SelectorOperator.NOT_IN)


def check_log_format(config: MeshConfig) -> Iterator[Finding]:
    """With encoding JSON the format is an object."""
    if config.access_log_encoding is not AccessLogEncoding.JSON or not config.access_log_format:
        return
    try:
        sound = isinstance(json.loads(config.access_log_format), dict)
    except ValueError:
        sound = False
    if not sound:
        tip = 'write an object, as in \'{"path": "%REQ(:PATH)%"}\''
        yield error("M2501", Path("accessLogFormat"), "with encoding JSON the format is a JSON object", tip)


def check_selectors(selectors: tuple[LabelSelector, ...], path: Path) -> Iterator[Finding]:
    """Labels, and conditions that have the values which they need."""
    for i, selector in enumerate(selectors):
        yield from check_labels(selector.match_labels, at(path, i, "matchLabels"))
        for j, one in enumerate(selector.match_expressions):
            place = at(path, i, "matchExpressions", j)
            if not one.key:
                yield error("M2013", place, "'key' is missing", "name the label")
            if bool(one.values) != (one.operator in WITH_VALUES):
                wanted = "needs values" if one.operator in WITH_VALUES else "takes no values"
                yield error("M2501", at(place, "values"), f"operator {one.operator} {wanted}")
