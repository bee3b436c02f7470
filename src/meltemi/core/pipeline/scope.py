"""What of a proxy its configuration may depend on.

Place:  model/proxy Proxy → [pipeline/scope] → pipeline/slots
"""

from collections.abc import Mapping
from ipaddress import ip_address

from meltemi.core.compose.authorization import authorization_labels
from meltemi.core.compose.calls import calls_too_many
from meltemi.core.compose.destination_rules import rule_heads
from meltemi.core.compose.envoy_filters import filter_labels, filter_sets
from meltemi.core.compose.extension import extension_labels, network_code
from meltemi.core.compose.gateways import selections
from meltemi.core.compose.peer_authentication import peer_selectors
from meltemi.core.compose.rbac import asks_account, role_labels
from meltemi.core.compose.request_authentication import token_labels
from meltemi.core.compose.sidecars import binds, narrows, sidecar_for, sidecar_selectors
from meltemi.core.compose.targets import Answering, targets
from meltemi.core.compose.virtual_services import heads
from meltemi.core.compose.workloads import locality_of, workload
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import LOCAL_CLUSTER, Key
from meltemi.core.model.proxy import DISCOVERY, Caller, Discovery, Proxy, Role, Scope
from meltemi.core.model.registry.automatic import CAPTURE
from meltemi.core.model.topology import NETWORK_LABEL
from meltemi.core.pipeline.own_settings import own_settings
from meltemi.core.view.extension import network_sets
from meltemi.core.view.route import label_names
from meltemi.core.view.tcp_route import connection_labels
from meltemi.core.view.traffic_policy import failover_labels


def scope_of(e: Engine, proxy: Proxy) -> Scope:
    """The scope of a proxy. Proxies that differ in nothing that matters have equal ones."""
    names = e.get(selecting_labels)
    metadata = dict(proxy.metadata)
    labels = tuple(pair for pair in proxy.labels if pair[0] in names)
    own = e.get(sidecar_for, proxy.namespace, labels) if proxy.role is Role.SIDECAR else None
    return Scope(
        role=proxy.role,
        namespace=proxy.namespace,
        labels=labels,
        targets=e.get(targets, e.get(answering, proxy)),
        sidecar=own,
        address=proxy.addresses[0] if own and proxy.addresses and e.get(binds, own) else "",
        narrowed=own is not None and e.get(narrows, own),
        account=_account(e, proxy) if e.get(asks_account) else "",
        cluster=metadata.get("CLUSTER_ID") or LOCAL_CLUSTER,
        network=metadata.get("NETWORK", "") or dict(proxy.labels).get(NETWORK_LABEL, ""),
        locality=locality_of(dict(proxy.labels)),
        ip_families=_families(proxy.addresses),
        interception=metadata.get("INTERCEPTION_MODE", "") or "REDIRECT",
        patches=(
            *e.get(network_sets, e.get(network_code, proxy.namespace, labels)),
            *e.get(filter_sets, proxy.namespace, labels, proxy.metadata),
        ),
        named=proxy.role is Role.SIDECAR and metadata.get(CAPTURE, "").lower() == "true",
        own=e.get(own_settings, _pod_of(proxy)),
        caller=_caller(e, proxy, metadata),
    )


def _caller(e: Engine, proxy: Proxy, metadata: Mapping[str, str]) -> Caller | None:
    """Said when the pod was made (core/inject): a proxy that runs cannot be told to ask for what it held until now."""
    if proxy.role is not Role.SIDECAR or metadata.get(DISCOVERY) != Discovery.ONDEMAND:
        return None
    found = Caller(namespace=proxy.namespace, owner=metadata.get("OWNER") or proxy.id)
    return None if e.get(calls_too_many, found) else found


def _account(e: Engine, proxy: Proxy) -> str:
    found = e.get(workload, _pod_of(proxy))
    return found.service_account if found else ""


def _pod_of(proxy: Proxy) -> Key:
    name = proxy.id.removesuffix(f".{proxy.namespace}")
    return Key(group="", kind="Pod", namespace=proxy.namespace, name=name)


def _families(addresses: tuple[str, ...]) -> tuple[str, ...]:
    found = {f"ipv{ip_address(a).version}" for a in addresses}
    return tuple(sorted(found)) or ("ipv4",)


def selecting_labels(e: Engine) -> frozenset[str]:
    """Labels of workloads that some document asks for."""
    found = (
        {name for h in e.get(rule_heads) for name, _ in h.selector} | e.get(peer_selectors) | e.get(sidecar_selectors)
    )
    found |= e.get(extension_labels) | e.get(filter_labels) | e.get(authorization_labels) | e.get(token_labels)
    found |= e.get(role_labels)
    found |= {name for chosen in e.get(selections) for name, _ in chosen.selector}
    for h in e.get(heads):
        found |= e.get(label_names, h.key) | e.get(connection_labels, h.key)
    for h in e.get(rule_heads):
        found |= e.get(failover_labels, h.key)
    return frozenset(found)


def answering(e: Engine, proxy: Proxy) -> Answering:
    """The workload beside a proxy."""
    found = e.get(workload, _pod_of(proxy))
    return Answering(
        namespace=proxy.namespace,
        labels=proxy.labels,
        addresses=proxy.addresses,
        names=found.ports if found else (),
    )
