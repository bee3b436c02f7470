"""The rules of a kind, found by its type.

Place:  parse/documents → [check/document] → check/validate
"""

from collections.abc import Iterator

from meltemi.core.check.authentication import check_authentication_policy
from meltemi.core.check.authorization_policy import DRY_RUN, check_authorization_policy
from meltemi.core.check.context import Context
from meltemi.core.check.destination_rule import check_destination_rule
from meltemi.core.check.effect import check_effect
from meltemi.core.check.envoy_filter import check_envoy_filter
from meltemi.core.check.extension import check_traffic_extension, check_wasm_plugin
from meltemi.core.check.gateway import check_gateway
from meltemi.core.check.kube import check_kube
from meltemi.core.check.mesh import check_mesh_map
from meltemi.core.check.peer_authentication import check_peer_authentication
from meltemi.core.check.rbac import check_rbac_config, check_service_role, check_service_role_binding
from meltemi.core.check.report import at, error
from meltemi.core.check.request_authentication import check_request_authentication
from meltemi.core.check.service_entry import check_service_entry
from meltemi.core.check.sidecar import check_sidecar
from meltemi.core.check.virtual_service import check_virtual_service
from meltemi.core.check.workload_group import check_proxy_config, check_workload_entry, check_workload_group
from meltemi.core.model.document import Document, Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.kinds import AUTHENTICATION, EXTENSIONS, NETWORKING, RBAC, SECURITY, KindRole, kind_of
from meltemi.core.model.kube.namespace import ConfigMap
from meltemi.core.model.security.authentication import Policy
from meltemi.core.model.security.authorization_policy import AuthorizationPolicy
from meltemi.core.model.security.peer_authentication import PeerAuthentication
from meltemi.core.model.security.rbac import RbacConfig, ServiceRole, ServiceRoleBinding
from meltemi.core.model.security.request_authentication import RequestAuthentication
from meltemi.core.model.traffic.destination_rule import DestinationRule
from meltemi.core.model.traffic.envoy_filter import EnvoyFilter
from meltemi.core.model.traffic.extension import TrafficExtension, WasmPlugin
from meltemi.core.model.traffic.gateway import Gateway
from meltemi.core.model.traffic.proxy_config import ProxyConfig
from meltemi.core.model.traffic.service_entry import ServiceEntry, WorkloadEntry
from meltemi.core.model.traffic.sidecar import Sidecar, WorkloadGroup
from meltemi.core.model.traffic.virtual_service import VirtualService
from meltemi.core.model.tree import Tree
from meltemi.core.model.value import Value

REJECT = "internal.istio.io/webhook-always-reject"


def check_document_rules(document: Document[Value], tree: Tree) -> Iterator[Finding]:
    """Every fault of a document, and every statement in it that has no effect yet. `tree`: as it was written."""
    context = Context(key=document.key, meta=document.meta)
    kind = kind_of(document.key.group, document.key.kind)
    if kind is not None and kind.role is KindRole.KUBE:
        yield from check_kube(document)
        if isinstance(document.spec, ConfigMap):
            yield from check_mesh_map(document.key, document.spec)
    if kind is not None and kind.group == SECURITY:
        yield from _check_security(document.spec, context)
    if kind is not None and kind.group in (RBAC, AUTHENTICATION):
        yield from _check_older(document.spec, context)
        yield from check_effect(document.key.kind, tree)
    if kind is not None and kind.group in (NETWORKING, EXTENSIONS):
        yield from _check_annotations(context)
        yield from _check_spec(document.spec, tree, context)
        yield from check_effect(document.key.kind, tree)


def _check_security(spec: Value, context: Context) -> Iterator[Finding]:
    match spec:
        case PeerAuthentication() as spec:
            yield from check_peer_authentication(spec)
        case RequestAuthentication() as spec:
            yield from check_request_authentication(spec)
        case AuthorizationPolicy() as spec:
            yield from check_authorization_policy(spec, context)
        case _:
            return
    yield from _check_annotations(context)


def _check_older(spec: Value, context: Context) -> Iterator[Finding]:
    """The forms that Istio gave up."""
    match spec:
        case ServiceRole() as spec:
            yield from check_service_role(spec)
        case ServiceRoleBinding() as spec:
            yield from check_service_role_binding(spec)
        case RbacConfig() as spec:
            yield from check_rbac_config(spec, context)
        case Policy() as spec:
            yield from check_authentication_policy(spec, context)
        case _:
            return
    yield from _check_annotations(context)


def _check_spec(spec: Value, tree: Tree, context: Context) -> Iterator[Finding]:
    match spec:
        case VirtualService() as spec:
            yield from check_virtual_service(spec, context)
        case DestinationRule() as spec:
            yield from check_destination_rule(spec, context)
        case Gateway() as spec:
            yield from check_gateway(spec, context)
        case ServiceEntry() as spec:
            yield from check_service_entry(spec, context)
        case Sidecar() as spec:
            yield from check_sidecar(spec, context)
        case WorkloadEntry() as spec:
            yield from check_workload_entry(spec)
        case WorkloadGroup() as spec:
            yield from check_workload_group(spec)
        case ProxyConfig() as spec:
            yield from check_proxy_config(spec)
        case EnvoyFilter() as spec:
            yield from check_envoy_filter(spec, tree)
        case WasmPlugin() as spec:
            yield from check_wasm_plugin(spec)
        case TrafficExtension() as spec:
            yield from check_traffic_extension(spec)
        case _:
            return


def _check_annotations(context: Context) -> Iterator[Finding]:
    names = {name for name, _ in context.meta.annotations}
    place = Path("metadata.annotations")
    if DRY_RUN in names and context.key.kind != "AuthorizationPolicy":
        tip = "remove the annotation"
        yield error("M1206", at(place, DRY_RUN), f"only an AuthorizationPolicy can be tried with {DRY_RUN!r}", tip)
    if REJECT in names:
        yield error("M1206", at(place, REJECT), f"annotation {REJECT!r} asks for a refusal")
