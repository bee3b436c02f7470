"""Which tokens a workload believes: the RequestAuthentications in force for it, and where their keys come from.

Place:  model/security → [compose/request_authentication] → view/tokens, pipeline/{scope,extensions}, shell/jwks
Source: Istio, "RequestAuthentication": all that are for a workload, together
"""

from meltemi.core.compose.attachments import Attached, Labels, attached, head_of, labels_asked
from meltemi.core.compose.authentication import origin_rules
from meltemi.core.compose.inputs import keys, read_as
from meltemi.core.compose.mesh import mesh
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.security.keys import DISCOVERY, PATIENCE, KeySet, KeySource
from meltemi.core.model.security.request_authentication import JWTRule, RequestAuthentication
from meltemi.core.model.units import Seconds

GROUP = "security.istio.io"
KIND = "RequestAuthentication"


def request_authentication(e: Engine, key: Key) -> RequestAuthentication | None:
    """The content of one RequestAuthentication."""
    found = read_as(e, key, RequestAuthentication)
    return found.spec if found else None


def token_head(e: Engine, key: Key) -> Attached | None:
    """Where one RequestAuthentication holds."""
    found = read_as(e, key, RequestAuthentication)
    return head_of(found) if found else None


def token_heads(e: Engine) -> tuple[Attached, ...]:
    """All RequestAuthentications, the oldest first."""
    found = (e.get(token_head, key) for key in keys(e, GROUP, KIND))
    return tuple(sorted((h for h in found if h is not None), key=lambda h: h.order))


def token_labels(e: Engine) -> frozenset[str]:
    """Labels of workloads that some RequestAuthentication asks for."""
    return labels_asked(e.get(token_heads))


def token_policies(e: Engine, namespace: str, labels: Labels) -> tuple[Key, ...]:
    """Those with rules in force for a workload. `labels`: all of its labels, or those that `token_labels` names."""
    found = attached(e.get(token_heads), namespace, labels, mesh(e).root_namespace)
    return tuple(key for key in found if e.get(has_rules, key))


def has_rules(e: Engine, key: Key) -> bool:
    """Whether a document believes anybody."""
    found = e.get(request_authentication, key)
    return bool(found and found.jwt_rules)


def source_of(rule: JWTRule) -> KeySource | None:
    """Where the keys of a rule are; None where the rule has them itself."""
    if rule.jwks:
        return None
    if rule.jwks_uri:
        return KeySource(uri=rule.jwks_uri)
    return KeySource(uri=rule.issuer.rstrip("/") + DISCOVERY, issuer=rule.issuer)


def key_sources(e: Engine) -> tuple[tuple[KeySource, Seconds], ...]:
    """Every address that keys are fetched from, sorted, and how long a fetch may take: the longest that a rule says."""
    found = (e.get(request_authentication, h.key) for h in e.get(token_heads))
    longest: dict[KeySource, Seconds] = {}
    for rule in (*(rule for spec in found if spec for rule in spec.jwt_rules), *e.get(origin_rules)):
        source = source_of(rule)
        if source:
            patience = PATIENCE if rule.timeout is None else rule.timeout
            longest[source] = max(patience, longest.get(source, patience))
    return tuple(sorted(longest.items()))


def key_set(e: Engine, source: KeySource) -> KeySet | None:
    """What is known of a source; None where nobody has fetched yet."""
    found = e.read(("keys", source))
    return found if isinstance(found, KeySet) else None
