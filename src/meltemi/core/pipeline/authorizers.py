"""The two extensions of CUSTOM: rules that say who is asked about, and the filter that asks.

Place:  view/authorizer, envoy/{authorization,authorizer} → [pipeline/authorizers] → pipeline/extensions
"""

from meltemi.core.compose.authorization import Applied, origins
from meltemi.core.engine.engine import Engine
from meltemi.core.envoy import pb
from meltemi.core.envoy.authorization import http_rules, network_rules, nobody_may
from meltemi.core.envoy.authorizer import http_authorizer, network_authorizer
from meltemi.core.envoy.filters import Place, Side, extension
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.security.authorization_policy import Action
from meltemi.core.pipeline.resource import resource_of
from meltemi.core.view.authorizer import Authorizer, asking, sent


def custom_body(e: Engine, place: Place, side: Side, applied: tuple[Applied, ...]) -> Resource:
    """Rules that decide nothing and name what is asked about; or refuse that, where nobody can be asked."""
    found = e.get(asking, applied)
    rules, write = e.get(sent, applied, place.network), network_rules if place.network else http_rules
    if found.fault:
        message = write(Action.CUSTOM, rules, None)
    elif place.network and (found.authorizer is None or network_authorizer(found.authorizer) is None):
        message = write(Action.CUSTOM, None, None)
    else:
        message = write(Action.CUSTOM, None, rules)
    whole, shut = extension(place, side, message), nobody(place, side)
    return resource_of(ResourceType.EXTENSION, whole, refused=shut, origin=origins(applied))


def provider_body(e: Engine, place: Place, side: Side, applied: tuple[Applied, ...]) -> Resource:
    """The filter that asks."""
    to = e.get(asking, applied).authorizer
    message = _asking(to, place) if to else None
    needs = frozenset({to.cluster}) if to and message else frozenset[str]()
    whole, shut = extension(place, side, message), nobody(place, side)
    return resource_of(ResourceType.EXTENSION, whole, needs=needs, refused=shut, origin=origins(applied))


def nobody(place: Place, side: Side) -> bytes:
    """What stands in a place where Envoy refuses what should: nobody may."""
    return pb.serialize(extension(place, side, nobody_may(network=place.network)))


def _asking(to: Authorizer, place: Place) -> pb.Message | None:
    return network_authorizer(to) if place.network else http_authorizer(to)
