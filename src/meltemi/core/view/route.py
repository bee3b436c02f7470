"""HTTP routes as one kind of client gets them, every default settled.

Place:  compose/delegates → [view/route] → envoy/route
"""

from msgspec import structs

from meltemi.core.compose.delegates import Rule, http_rules
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.virtual_services import MESH, gateway_name, gateways_of, virtual_service
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.mesh_proxy import OwnSettings
from meltemi.core.model.proxy import Sight
from meltemi.core.model.traffic.virtual_service import HTTPMatchRequest, HTTPRouteDestination
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.core.view.cors import Cors, effective_cors
from meltemi.core.view.destination import Target, dialled, target
from meltemi.core.view.fault import Fault, effective_fault
from meltemi.core.view.hashing import Hash, hash_of
from meltemi.core.view.headers import HeaderChanges, header_changes, route_header_changes
from meltemi.core.view.latency import REPORT, weighs_one
from meltemi.core.view.match import Field, How, RequestMatch, Text, request_match
from meltemi.core.view.mesh_tls import undeclared
from meltemi.core.view.mirror import Mirror, written_mirrors
from meltemi.core.view.retry import Retry, effective_retry, longest_wait
from meltemi.core.view.rewrite import (
    Answer,
    Redirect,
    Rewrite,
    effective_answer,
    effective_redirect,
    effective_rewrite,
)

DEFAULT_NAME = "default"
"""Of routes that no VirtualService wrote."""


NOWHERE = 503
"""Answer of a rule whose destinations all have no weight."""


class Client(Value, frozen=True, kw_only=True):
    """All that the choice of routes may depend on."""

    sight: Sight
    labels: tuple[tuple[str, str], ...] = ()
    """Only those that some `sourceLabels` of the document in question names."""
    gateways: tuple[str, ...] = (MESH,)
    """`mesh` for a sidecar, else the Gateways (`namespace/name`) whose servers share the table."""
    port: int
    """To which requests are addressed: of the service, or of the Gateway's server."""
    proxy: OwnSettings = OwnSettings()
    """Of listeners only: what its ProxyConfig says for all its requests."""
    on_demand: bool = False
    """The table is filled as hosts are called."""

    @property
    def namespace(self) -> str:
        return self.sight.namespace


class Split(Value, frozen=True, kw_only=True):
    """One destination and its share."""

    to: Target
    weight: int = 1
    changes: HeaderChanges = HeaderChanges()
    undeclared: bool = False
    """The route must say that requests are inside, for the cluster takes bytes as well (view/mesh_tls)."""
    dialled: int = 0
    """The port at which the host is called that the request names."""

    @property
    def has_changes(self) -> bool:
        """Whether requests to this destination are changed on their way."""
        return self.changes != HeaderChanges()


class Route(Value, frozen=True, kw_only=True):
    """One route; one of `splits`, `redirect` and `answer` decides."""

    name: str = ""
    stat_prefix: str = ""
    """Under which Envoy counts what took this route; empty is not at all."""
    match: RequestMatch = RequestMatch()
    splits: tuple[Split, ...] = ()
    redirect: Redirect | None = None
    answer: Answer | None = None
    rewrite: Rewrite = Rewrite()
    timeout: Seconds = Seconds(0)
    """0 is no limit."""
    retry: Retry | None = Retry()
    fault: Fault | None = None
    cors: Cors | None = None
    mirrors: tuple[Mirror, ...] = ()
    changes: HeaderChanges = HeaderChanges()
    hashes: tuple[Hash, ...] = ()
    """How requests that belong together are kept together (DestinationRule, consistent hashing)."""
    origin: Origin | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every destination that a request may reach by this route."""
        return (*(s.to for s in self.splits), *(m.to for m in self.mirrors))

    @property
    def hold(self) -> Seconds:
        """How long a request that took this route may still need its clusters."""
        delay = self.fault.delay if self.fault and self.fault.delay else Seconds(0)
        return Seconds(delay + (longest_wait(self.retry, self.timeout) if self.splits else 0))


def default_route(e: Engine, host: str, client: Client) -> Route:
    """The route to a service of which no VirtualService speaks."""
    to = Target(host=host, port=client.port)
    hashes = hash_of(e, to, client.namespace, client.labels)
    splits = (_to(e, to, client),)
    return Route(
        name=DEFAULT_NAME,
        match=at_port(RequestMatch(), splits, client),
        splits=splits,
        retry=effective_retry(None, hashed=bool(hashes), default=mesh(e).default_http_retry_policy),
        changes=_unreported(e, HeaderChanges(), splits, client),
        hashes=hashes,
    )


def routes_of(e: Engine, key: Key, client: Client) -> tuple[Route, ...]:
    """Routes of one VirtualService for one kind of client; those behind a route that takes everything are left out."""
    found: list[Route] = []
    for rule in e.get(http_rules, key):
        for match in _fitting(e, rule, key, client):
            found.append(_route(e, rule, match, client))
            if found[-1].match.takes_all:
                return tuple(found)
    return tuple(found)


def label_names(e: Engine, key: Key) -> frozenset[str]:
    """Labels of the client that the rules of one VirtualService ask for."""
    return frozenset(
        name for rule in e.get(http_rules, key) for match in rule.route.match for name, _ in match.source_labels
    )


def _fitting(e: Engine, rule: Rule, key: Key, client: Client) -> tuple[HTTPMatchRequest | None, ...]:
    """The alternatives of a rule that may hold for this client; None is the absent match."""
    spec = e.get(virtual_service, key)
    own = gateways_of(spec, key.namespace) if spec else ()
    if not rule.route.match:
        return (None,) if set(own) & set(client.gateways) else ()
    return tuple(m for m in rule.route.match if source_fits(m, own, key.namespace, client))


def source_fits(match: HTTPMatchRequest, own: tuple[str, ...], namespace: str, client: Client) -> bool:
    """Whether the conditions on gateway, port and source hold for all requests of this client."""
    gateways = tuple(gateway_name(g, namespace) for g in match.gateways) or own
    if not set(gateways) & set(client.gateways):
        return False
    if match.port and match.port != client.port:
        return False
    if match.source_namespace and match.source_namespace != client.namespace:
        return False
    return set(match.source_labels) <= set(client.labels)


def _route(e: Engine, rule: Rule, match: HTTPMatchRequest | None, client: Client) -> Route:
    written = rule.route
    splits = _splits(e, rule, client)
    hashes = hash_of(e, splits[0].to, client.namespace, client.labels) if len(splits) == 1 else ()
    redirect = effective_redirect(written.redirect, port=client.port) if written.redirect else None
    answer = effective_answer(written.direct_response) if written.direct_response and not redirect else None
    if not splits and not redirect and not answer:
        answer = Answer(status=NOWHERE)
    return Route(
        name=".".join(name for name in (written.name, match.name if match else "") if name),
        stat_prefix=match.stat_prefix if match else "",
        match=at_port(request_match(match), splits, client),
        splits=() if redirect or answer else splits,
        redirect=redirect,
        answer=answer,
        rewrite=effective_rewrite(written.rewrite),
        timeout=written.timeout or Seconds(0),
        retry=effective_retry(written.retries, hashed=bool(hashes), default=mesh(e).default_http_retry_policy),
        fault=effective_fault(written.fault),
        cors=effective_cors(written.cors_policy),
        mirrors=_mirrors(e, rule, client),
        changes=_unreported(e, route_header_changes(written), splits, client),
        hashes=hashes,
        origin=rule.origin,
    )


def at_port(match: RequestMatch, splits: tuple[Split, ...], client: Client) -> RequestMatch:
    """`match`, or where a sidecar calls what the request names, of that: a port in the name must be the one called.

    Envoy calls the port that the name says, and a service stands for its own port only.
    """
    if MESH not in client.gateways or not any(split.dialled for split in splits):
        return match
    named = Field(name=":authority", text=Text(how=How.REGEX, value=f"[^:]*(:{client.port})?"))
    return structs.replace(match, headers=(*match.headers, named))


def _splits(e: Engine, rule: Rule, client: Client) -> tuple[Split, ...]:
    """Destinations with a share; one that stands alone has all of it, whatever its weight says."""
    written = [d for d in rule.route.route if d.destination is not None]
    alone = len(written) == 1
    return tuple(_split(e, d, rule, client, alone=alone) for d in written if alone or d.weight)


def _split(e: Engine, written: HTTPRouteDestination, rule: Rule, client: Client, *, alone: bool) -> Split:
    if written.destination is None:
        raise ValueError("a destination was asked for and there is none")
    to = target(e, written.destination, namespace=rule.namespace, port=client.port)
    return structs.replace(
        _to(e, to, client), weight=1 if alone else written.weight or 0, changes=header_changes(written.headers)
    )


def _to(e: Engine, to: Target, client: Client) -> Split:
    return Split(to=to, undeclared=undeclared(e, to, client.namespace, client.labels), dialled=e.get(dialled, to))


def _unreported(e: Engine, changes: HeaderChanges, splits: tuple[Split, ...], client: Client) -> HeaderChanges:
    """What proxies tell themselves of endpoints, callers are not told."""
    if not weighs_one(e, (split.to for split in splits), client.namespace, client.labels):
        return changes
    return structs.replace(changes, response_remove=(*changes.response_remove, REPORT))


def _mirrors(e: Engine, rule: Rule, client: Client) -> tuple[Mirror, ...]:
    return tuple(
        Mirror(to=target(e, p.destination, namespace=rule.namespace, port=client.port), percent=share)
        for p, share in written_mirrors(rule.route)
        if p.destination is not None
    )
