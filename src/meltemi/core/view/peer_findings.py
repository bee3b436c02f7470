"""What PeerAuthentications say without effect.

Place:  compose/peer_authentication → [view/peer_findings] → pipeline/findings
"""

from meltemi.core.check.report import on, warning
from meltemi.core.compose.peer_authentication import overruled
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding


def peer_findings(e: Engine) -> tuple[Finding, ...]:
    """A finding for each policy that an older one overrules."""
    return tuple(
        on(key, warning("M2902", Path("spec"), f"{older}, which is older, speaks for the same workloads", "keep one"))
        for key, older in overruled(e)
    )
