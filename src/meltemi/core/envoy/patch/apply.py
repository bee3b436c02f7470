"""All changes of one resource.

Place:  view/patches → [envoy/patch/apply] → pipeline/patched
In:     a resource's bytes, its changes in order      Out: the changed message, and which changes were made
"""

from collections.abc import Sequence

from meltemi.core.envoy import pb
from meltemi.core.envoy.patch.cluster import patch_cluster
from meltemi.core.envoy.patch.edit import value_of
from meltemi.core.envoy.patch.listener import patch_listener
from meltemi.core.envoy.patch.routes import clusters_of, merge_table, patch_host
from meltemi.core.model.document import Origin
from meltemi.core.model.resource import ResourceType
from meltemi.core.model.traffic.envoy_filter import ApplyTo, PatchContext
from meltemi.core.view.patches import Patch

ADDED = {
    ApplyTo.LISTENER: ResourceType.LISTENER,
    ApplyTo.CLUSTER: ResourceType.CLUSTER,
    ApplyTo.VIRTUAL_HOST: ResourceType.VIRTUAL_HOST,
    ApplyTo.EXTENSION_CONFIG: ResourceType.EXTENSION,
}
"""What may be added as a resource of its own."""


def apply_patches(
    type_: ResourceType, body: bytes, patches: Sequence[Patch], context: PatchContext
) -> tuple[pb.Message | None, frozenset[Origin]]:
    """The changed message, None where it is removed; and the changes that were made."""
    hits: set[Origin] = set()
    message: pb.Message
    match type_:
        case ResourceType.CLUSTER:
            message = pb.Cluster.FromString(body)
            kept = patch_cluster(message, patches, hits)
        case ResourceType.LISTENER:
            message = pb.Listener.FromString(body)
            kept = patch_listener(message, patches, context, hits)
        case ResourceType.ROUTES:
            message, kept = pb.RouteConfiguration.FromString(body), True
            merge_table(message, patches, hits)
        case ResourceType.VIRTUAL_HOST:
            message = pb.VirtualHost.FromString(body)
            kept = patch_host(message, patches, hits)
        case _:
            raise ValueError(type_)
    return message if kept else None, frozenset(hits)


def added_message(patch: Patch, name: str) -> pb.Message:
    """What a change adds, under the name of its resource."""
    message = value_of(patch)
    if isinstance(message, (pb.VirtualHost, pb.Cluster, pb.Listener, pb.TypedExtensionConfig)):
        message.name = name
    return message


def named_clusters(message: pb.Message) -> frozenset[str]:
    """The clusters that a changed or added virtual host names; nothing of other messages."""
    return frozenset(clusters_of(message)) if isinstance(message, pb.VirtualHost) else frozenset()
