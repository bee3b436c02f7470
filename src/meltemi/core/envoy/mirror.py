"""Write mirrors as Envoy's request mirror policies.

Place:  view/mirror → [envoy/mirror] → envoy/route
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.fault import fraction
from meltemi.core.view.mirror import Mirror


def mirror_policy(mirror: Mirror) -> pb.RequestMirrorPolicy:
    """Translate field by field."""
    return pb.RequestMirrorPolicy(
        cluster=mirror.to.cluster,
        runtime_fraction=pb.RuntimeFractionalPercent(default_value=fraction(mirror.percent)),
    )
