"""The filters of a chain, first to last, and the slots in which security and policy will stand.

Place:  [envoy/filters] → envoy/{hcm,tcp,inbound}, pipeline/extensions

Every filter lives in its own file; only this one knows the order. What security decides must take hold of live
connections, which a changed listener does not do: its filters come as extensions (ECDS), from the start. Until
something is decided an extension does nothing. A proxy that has not been given its extensions does not serve: to let
traffic pass until they come would be a hole, and they come on the same stream as the listener.
"""

from enum import StrEnum

from meltemi.core.envoy import pb
from meltemi.core.envoy.cors import FILTER as CORS
from meltemi.core.envoy.dynamic_dns import FILTER as RESOLVER
from meltemi.core.envoy.dynamic_dns import resolver
from meltemi.core.envoy.fault import FILTER as FAULT
from meltemi.core.envoy.inner_protocol import FILTER as INNER_PROTOCOL
from meltemi.core.envoy.inner_protocol import silent
from meltemi.core.envoy.policy_header import no_policy_header
from meltemi.core.model.value import Value


class Side(StrEnum):
    """On which side of a proxy a chain stands: each has extensions of its own."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    GATEWAY = "gateway"


class Place(Value, frozen=True, kw_only=True):
    """A place in a chain that is filled by an extension."""

    name: str
    network: bool = False

    def extension(self, side: Side) -> str:
        """Name of the extension, which is also the filter's."""
        return f"{side}.{self.name}{'.network' if self.network else ''}"


SHOWN = Place(name="shown")
"""Which rule decided, in a header of the answer (envoy/policy_header)."""
PEER = Place(name="peer")
"""Whether the caller came by mutual TLS, where the workload demands it (view/strict)."""
AUTHENTICATION = Place(name="authentication")
"""Who asks."""
CUSTOM = Place(name="custom")
"""Whether a provider is asked."""
PROVIDER = Place(name="provider")
"""What it says."""
AUDIT = Place(name="audit")
DENY = Place(name="deny")
ALLOW = Place(name="allow")
POLICY = Place(name="policy")
"""May they, asked of adapters."""
EXTENSIONS_AUTHN = Place(name="extensions-authn")
"""Code of users that runs before who asks is known."""
EXTENSIONS_AUTHZ = Place(name="extensions-authz")
"""Before it is decided whether they may."""
EXTENSIONS = Place(name="extensions")
"""After that, before requests are counted."""
NETWORK_CUSTOM = Place(name="custom", network=True)
NETWORK_PROVIDER = Place(name="provider", network=True)
NETWORK_AUDIT = Place(name="audit", network=True)
NETWORK_DENY = Place(name="deny", network=True)
NETWORK_ALLOW = Place(name="allow", network=True)
NETWORK_POLICY = Place(name="policy", network=True)

DECIDING = (CUSTOM, PROVIDER, AUDIT, DENY, ALLOW)
"""Authorization of requests, in Istio's order of evaluation."""
NETWORK_DECIDING = (NETWORK_CUSTOM, NETWORK_PROVIDER, NETWORK_AUDIT, NETWORK_DENY, NETWORK_ALLOW)

CODE = (EXTENSIONS_AUTHN, EXTENSIONS_AUTHZ, EXTENSIONS)
"""Where code of users runs (envoy/extension)."""
_SERVING = (AUTHENTICATION, *DECIDING, POLICY, *NETWORK_DECIDING, NETWORK_POLICY)
PLACES: dict[Side, tuple[Place, ...]] = {
    Side.INBOUND: (SHOWN, PEER, *_SERVING, *CODE),
    Side.OUTBOUND: (POLICY, NETWORK_POLICY, *CODE),
    Side.GATEWAY: (SHOWN, *_SERVING, *CODE),
}
"""Who serves authenticates and authorizes, never who calls."""


def nothing(place: Place) -> pb.Message:
    """What an extension is until something is decided: without rules it neither asks nor refuses."""
    if place is AUTHENTICATION:
        return pb.JwtAuthentication()
    if place is SHOWN:
        return no_policy_header()
    return pb.NetworkRBAC(stat_prefix="tcp.") if place.network else pb.HTTPRBAC()


KINDS: dict[Place, tuple[type[pb.Message], ...]] = {
    SHOWN: (pb.HeaderMutation,),
    AUTHENTICATION: (pb.JwtAuthentication, pb.ExtensionWithMatcher),
    PROVIDER: (pb.HTTPRBAC, pb.ExtAuthz),
    POLICY: (pb.HTTPRBAC, pb.ExtAuthz),
    NETWORK_PROVIDER: (pb.NetworkRBAC, pb.NetworkExtAuthz),
    NETWORK_POLICY: (pb.NetworkRBAC, pb.NetworkExtAuthz),
    **dict.fromkeys(CODE, (pb.HTTPRBAC, pb.ExtensionWithMatcher)),
}
"""What may come to stand in a place: Envoy refuses everything else. In all others: RBAC alone."""


def http_filters(
    side: Side, *, grpc_web: bool = False, by_name: bool = False, on_demand: bool = False, quiet: bool = False
) -> list[pb.HttpFilter]:
    """The HTTP filters of a chain. `by_name`: some requests go to whatever host they name; `on_demand`: others wait
    until their host is in the table; `quiet`: Envoy adds none of its own headers."""
    resolve = [_http(RESOLVER, resolver())] if by_name else []
    translate = [_http("envoy.filters.http.grpc_web", pb.GrpcWeb())] if grpc_web else []
    wait = [_http("envoy.filters.http.on_demand", pb.OnDemand())] if on_demand else []
    return [
        *wait,  # before all that reads the route
        *_slots((SHOWN, PEER), side),  # before anything is answered
        _http(CORS, pb.Cors()),  # before who asks: a preflight carries no token and must not need one
        *_slots((EXTENSIONS_AUTHN, AUTHENTICATION), side),  # who asks is found first: all others read it
        *_slots((EXTENSIONS_AUTHZ, *DECIDING, POLICY, EXTENSIONS), side),
        *translate,
        _http("envoy.filters.http.grpc_stats", _grpc_stats()),
        _http(FAULT, pb.HTTPFault()),  # after policy: an injected fault must not hide a denial
        *([] if side is Side.INBOUND else [_http(INNER_PROTOCOL, silent())]),
        *resolve,  # at the port that a route has said in the filter before
        _http("envoy.filters.http.router", pb.Router(suppress_envoy_headers=quiet)),  # last, always: it answers
    ]


def network_filters(side: Side) -> list[pb.Filter]:
    """What stands before the last filter of a chain of bytes."""
    return [discovered(place.extension(side), _kinds(place)) for place in PLACES[side] if place.network]


def discovered(name: str, kinds: tuple[type[pb.Message], ...]) -> pb.Filter:
    """A filter of bytes that is filled by an extension."""
    return pb.Filter(name=name, config_discovery=_discovery(kinds))


def extension(place: Place, side: Side, config: pb.Message | None = None) -> pb.TypedExtensionConfig:
    """What stands in a place; without `config` it does nothing."""
    written = nothing(place) if config is None else config
    return pb.TypedExtensionConfig(name=place.extension(side), typed_config=pb.any_of(written))


def _grpc_stats() -> pb.GrpcStats:
    config = pb.GrpcStats(emit_filter_state=True)
    config.stats_for_all_methods.value = False
    return config


def _http(name: str, config: pb.Message) -> pb.HttpFilter:
    return pb.HttpFilter(name=name, typed_config=pb.any_of(config))


def _slots(places: tuple[Place, ...], side: Side) -> list[pb.HttpFilter]:
    """The filters of those places that a side has."""
    return [
        pb.HttpFilter(name=place.extension(side), config_discovery=_discovery(_kinds(place)))
        for place in places
        if place in PLACES[side]
    ]


def _kinds(place: Place) -> tuple[type[pb.Message], ...]:
    return KINDS.get(place) or ((pb.NetworkRBAC,) if place.network else (pb.HTTPRBAC,))


def _discovery(kinds: tuple[type[pb.Message], ...]) -> pb.ExtensionConfigSource:
    return pb.ExtensionConfigSource(config_source=pb.ads(), type_urls=[pb.type_url(kind) for kind in kinds])
