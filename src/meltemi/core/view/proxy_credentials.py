"""Which Secrets a proxy asks for: a gateway by its servers, and both by the rules on how they call.

Place:  compose/{gateways,destination_rules} → [view/proxy_credentials] → pipeline/secrets
Source: Istio, "Destination Rule", `credentialName`: for gateways, and for sidecars that the rule selects
"""

from meltemi.core.compose.attachments import Labels
from meltemi.core.compose.destination_rules import destination_rule, rule_heads
from meltemi.core.compose.gateways import bound_servers
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.traffic.destination_rule import TrafficPolicy
from meltemi.core.model.value import Value
from meltemi.core.view.gateway import Place, server_tls
from meltemi.core.view.upstream_tls import effective_credentials

SCHEME = "kubernetes://"


class Asked(Value, frozen=True, kw_only=True, order=True):
    """A Secret that is asked for: `name` in the proxy's own namespace."""

    name: str

    @property
    def resource(self) -> str:
        """How Envoy asks for it."""
        return SCHEME + self.name


def asked(e: Engine, place: Place) -> tuple[Asked, ...]:
    """All Secrets that a gateway asks for, sorted."""
    servers = (b.server for found in e.get(bound_servers, place.labels, place.targets).values() for b in found)
    settled = [server_tls(s.tls, http=True) for s in servers if s.tls]
    names = {name for tls in settled for name in (*tls.secrets, tls.trusted_secret)}
    names |= {name for h in e.get(rule_heads) for name in e.get(rule_credentials, h.key)}
    return _sorted(names)


def asked_by_sidecar(e: Engine, namespace: str, labels: Labels) -> tuple[Asked, ...]:
    """All Secrets that a sidecar asks for, sorted: of rules of its namespace that select it."""
    mine = (h for h in e.get(rule_heads) if h.selector and h.key.namespace == namespace)
    return _sorted({name for h in mine if set(h.selector) <= set(labels) for name in e.get(rule_credentials, h.key)})


def _sorted(names: set[str]) -> tuple[Asked, ...]:
    return tuple(sorted(Asked(name=n.removeprefix(SCHEME)) for n in names if n.startswith(SCHEME)))


def rule_credentials(e: Engine, key: Key) -> tuple[str, ...]:
    """Secrets that one DestinationRule names; stands between its many changes and the proxies."""
    spec = e.get(destination_rule, key)
    if spec is None:
        return ()
    policies = (spec.traffic_policy, *(s.traffic_policy for s in spec.subsets))
    return tuple(sorted({name for policy in policies if policy for name in _of_policy(policy)}))


def _of_policy(policy: TrafficPolicy) -> tuple[str, ...]:
    written = (policy.tls, *(own.tls for own in policy.port_level_settings))
    return tuple(name for tls in written if tls for name in effective_credentials(tls))
