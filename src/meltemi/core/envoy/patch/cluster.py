"""Changes of a cluster.

Place:  view/patches → [envoy/patch/cluster] → envoy/patch/apply
Source: Istio, pilot, networking/core/envoyfilter: a transport socket is merged where one of its name is, and takes the
        place of the cluster's own otherwise; not where the cluster has several to choose from
"""

from collections.abc import Sequence
from typing import cast

from meltemi.core.envoy import pb
from meltemi.core.envoy.patch.edit import Hits, value_of
from meltemi.core.envoy.patch.merge import merge, merge_any
from meltemi.core.envoy.plain import WATCH
from meltemi.core.model.traffic.envoy_filter import ApplyTo, Operation
from meltemi.core.view.patches import MERGES, Patch


def patch_cluster(cluster: pb.Cluster, patches: Sequence[Patch], hits: Hits) -> bool:
    """Make all changes; False where the cluster is removed. Its name stays."""
    name = cluster.name
    for patch in (p for p in patches if p.apply_to is ApplyTo.CLUSTER):
        if patch.operation is Operation.REMOVE:
            hits.add(patch.origin)
            return False
        if patch.operation not in MERGES:
            continue
        value = cast(pb.Cluster, value_of(patch))
        if value.HasField("transport_socket"):
            if not _merge_socket(cluster, value.transport_socket):
                continue
            value.ClearField("transport_socket")
        merge(cluster, value, replace_lists=patch.operation is Operation.MERGE_AND_REPLACE_LIST)
        cluster.name = name
        hits.add(patch.origin)
    return True


def _merge_socket(cluster: pb.Cluster, socket: pb.TransportSocket) -> bool:
    """Whether the cluster took a transport socket."""
    several = [m.transport_socket for m in cluster.transport_socket_matches if m.name != WATCH]
    own = several or ([cluster.transport_socket] if cluster.HasField("transport_socket") else [])
    found = next((one for one in own if one.name == socket.name), None)
    if found is not None:
        merge_any(found.typed_config, socket.typed_config)
        return True
    if several:
        return False
    cluster.transport_socket.CopyFrom(socket)
    return True
