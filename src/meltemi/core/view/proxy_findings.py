"""What ProxyConfigs say without effect.

Place:  compose/proxy_configs → [view/proxy_findings] → pipeline/findings
"""

from meltemi.core.check.report import ROOT, on, warning
from meltemi.core.compose.attachments import Labels
from meltemi.core.compose.proxy_configs import all_standing
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.finding import Finding


def proxy_findings(e: Engine) -> tuple[Finding, ...]:
    """ProxyConfigs for whose proxies an older one speaks."""
    first: dict[tuple[str, Labels | None], Key] = {}
    found: list[Finding] = []
    for one in e.get(all_standing):
        place = (one.key.namespace, None if one.selector is None else tuple(sorted(one.selector)))
        older = first.setdefault(place, one.key)
        if older != one.key and one.selector != ():
            message = f"{older}, which is older, speaks for the same proxies"
            found.append(on(one.key, warning("M3501", ROOT, message, "keep one")))
    return tuple(found)
