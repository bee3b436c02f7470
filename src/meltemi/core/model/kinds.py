"""The one catalogue of kinds: names, versions and what they are to the mesh.

Place:  model · read by parse (which type to decode), API and CLI (plural and short names)
"""

from enum import StrEnum

from meltemi.core.model.kube.endpoints import Endpoints, EndpointSlice
from meltemi.core.model.kube.namespace import ConfigMap, Namespace, Secret, ServiceAccount
from meltemi.core.model.kube.pod import Pod
from meltemi.core.model.kube.service import Service
from meltemi.core.model.kube.workload import CronJob, DaemonSet, Deployment, Job, ReplicaSet, StatefulSet
from meltemi.core.model.later import LATER
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
from meltemi.core.model.value import Value

NETWORKING = "networking.istio.io"
EXTENSIONS = "extensions.istio.io"
SECURITY = "security.istio.io"
RBAC = "rbac.istio.io"
AUTHENTICATION = "authentication.istio.io"


class KindRole(StrEnum):
    """What a kind is to the mesh."""

    MESH = "mesh"
    """Read strictly; takes effect."""
    KUBE = "kube"
    """Kubernetes' own: read as far as the mesh needs it, everything else is kept."""
    LATER = "later"
    """Known, stored, and without effect yet."""
    UNKNOWN = "unknown"
    """Not in the catalogue: stored, without effect."""


class Kind(Value, frozen=True, kw_only=True):
    """One kind of object."""

    group: str
    """Empty for the core of Kubernetes."""
    kind: str
    versions: tuple[str, ...]
    """The one that is stored first."""
    plural: str
    """Lower case, as in URLs."""
    singular: str
    short_names: tuple[str, ...] = ()
    namespaced: bool = True
    role: KindRole
    content: type[Value] | None = None
    """Of `spec`, for Kubernetes kinds of the whole object; None where it is not read."""
    old_groups: tuple[tuple[str, str], ...] = ()
    """(group, version) under which the same objects were once written."""

    @property
    def api_version(self) -> str:
        """`group/version` that objects are stored with."""
        return f"{self.group}/{self.versions[0]}" if self.group else self.versions[0]


def _mesh(
    kind: str,
    plural: str,
    short: str,
    spec: type[Value],
    *,
    group: str = NETWORKING,
    versions: tuple[str, ...] = ("v1", "v1beta1", "v1alpha3"),
    namespaced: bool = True,
) -> Kind:
    return Kind(
        group=group,
        kind=kind,
        versions=versions,
        plural=plural,
        singular=kind.lower(),
        short_names=(short,) if short else (),
        namespaced=namespaced,
        role=KindRole.MESH,
        content=spec,
    )


def _old(kind: str, plural: str, spec: type[Value], *, group: str, namespaced: bool = True) -> Kind:
    return _mesh(kind, plural, "", spec, group=group, versions=("v1alpha1",), namespaced=namespaced)


def _kube(
    kind: str,
    plural: str,
    spec: type[Value] | None,
    *short: str,
    group: str = "",
    versions: tuple[str, ...] = ("v1",),
    namespaced: bool = True,
    old: tuple[tuple[str, str], ...] = (),
) -> Kind:
    return Kind(
        group=group,
        kind=kind,
        versions=versions,
        plural=plural,
        singular=kind.lower(),
        short_names=short,
        namespaced=namespaced,
        role=KindRole.KUBE,
        content=spec,
        old_groups=old,
    )


_EXTENSIONS = ("extensions", "v1beta1")

_EFFECTIVE = (
    _mesh("VirtualService", "virtualservices", "vs", VirtualService),
    _mesh("DestinationRule", "destinationrules", "dr", DestinationRule),
    _mesh("Gateway", "gateways", "gw", Gateway),
    _mesh("ServiceEntry", "serviceentries", "se", ServiceEntry),
    _mesh("WorkloadEntry", "workloadentries", "we", WorkloadEntry),
    _mesh("WorkloadGroup", "workloadgroups", "wg", WorkloadGroup),
    _mesh("Sidecar", "sidecars", "", Sidecar),
    _mesh("EnvoyFilter", "envoyfilters", "", EnvoyFilter, versions=("v1alpha3",)),
    _mesh("ProxyConfig", "proxyconfigs", "", ProxyConfig, versions=("v1beta1",)),
    _mesh(
        "PeerAuthentication",
        "peerauthentications",
        "pa",
        PeerAuthentication,
        group=SECURITY,
        versions=("v1", "v1beta1"),
    ),
    _mesh(
        "AuthorizationPolicy",
        "authorizationpolicies",
        "ap",
        AuthorizationPolicy,
        group=SECURITY,
        versions=("v1", "v1beta1"),
    ),
    _mesh(
        "RequestAuthentication",
        "requestauthentications",
        "ra",
        RequestAuthentication,
        group=SECURITY,
        versions=("v1", "v1beta1"),
    ),
    *(
        _mesh(kind.__name__, f"{kind.__name__.lower()}s", "", kind, group=EXTENSIONS, versions=("v1alpha1",))
        for kind in (WasmPlugin, TrafficExtension)
    ),
    _old("ServiceRole", "serviceroles", ServiceRole, group=RBAC),
    _old("ServiceRoleBinding", "servicerolebindings", ServiceRoleBinding, group=RBAC),
    _old("RbacConfig", "rbacconfigs", RbacConfig, group=RBAC),
    _old("ClusterRbacConfig", "clusterrbacconfigs", RbacConfig, group=RBAC, namespaced=False),
    _old("Policy", "policies", Policy, group=AUTHENTICATION),
    _old("MeshPolicy", "meshpolicies", Policy, group=AUTHENTICATION, namespaced=False),
    _kube("Namespace", "namespaces", Namespace, "ns", namespaced=False),
    _kube("Service", "services", Service, "svc"),
    _kube("Endpoints", "endpoints", Endpoints, "ep"),
    _kube("EndpointSlice", "endpointslices", EndpointSlice, group="discovery.k8s.io", versions=("v1", "v1beta1")),
    _kube("Pod", "pods", Pod, "po"),
    _kube("ServiceAccount", "serviceaccounts", ServiceAccount, "sa"),
    _kube("Secret", "secrets", Secret),
    _kube("ConfigMap", "configmaps", ConfigMap, "cm"),
    _kube(
        "Deployment",
        "deployments",
        Deployment,
        "deploy",
        group="apps",
        versions=("v1", "v1beta2", "v1beta1"),
        old=(_EXTENSIONS,),
    ),
    _kube("ReplicaSet", "replicasets", ReplicaSet, "rs", group="apps", versions=("v1", "v1beta2"), old=(_EXTENSIONS,)),
    _kube("StatefulSet", "statefulsets", StatefulSet, "sts", group="apps", versions=("v1", "v1beta2", "v1beta1")),
    _kube("DaemonSet", "daemonsets", DaemonSet, "ds", group="apps", versions=("v1", "v1beta2"), old=(_EXTENSIONS,)),
    _kube("ControllerRevision", "controllerrevisions", None, group="apps", versions=("v1", "v1beta2", "v1beta1")),
    _kube("Job", "jobs", Job, group="batch"),
    _kube("CronJob", "cronjobs", CronJob, "cj", group="batch", versions=("v1", "v1beta1")),
)

_KNOWN = tuple(
    Kind(
        group=group,
        kind=kind,
        versions=versions,
        plural=plural,
        singular=kind.lower(),
        short_names=short_names,
        namespaced=namespaced,
        role=KindRole.LATER,
    )
    for group, kind, versions, plural, short_names, namespaced in LATER
)

KINDS: tuple[Kind, ...] = _EFFECTIVE + _KNOWN
"""All kinds; where two share a name, the first is what a bare name means."""

_BY_NAME = {(kind.group, kind.kind): kind for kind in KINDS}
_BY_OLD_NAME = {(group, kind.kind): kind for kind in KINDS for group, _ in kind.old_groups}


def kind_of(group: str, kind: str) -> Kind | None:
    """The kind of a document; also by a group that it had once (`extensions` Deployments are `apps` Deployments)."""
    return _BY_NAME.get((group, kind)) or _BY_OLD_NAME.get((group, kind))


def kind_or_unknown(group: str, kind: str, version: str) -> Kind:
    """As `kind_of`; a kind of its own for what the catalogue does not know."""
    return kind_of(group, kind) or Kind(
        group=group,
        kind=kind,
        versions=(version,),
        plural=_plural(kind.lower()),
        singular=kind.lower(),
        role=KindRole.UNKNOWN,
    )


def kind_by_plural(group: str, plural: str) -> Kind | None:
    """The kind that a URL names: `/apis/GROUP/VERSION/.../PLURAL`."""
    return next((kind for kind in KINDS if kind.group == group and kind.plural == plural), None)


def kind_named(name: str) -> Kind | None:
    """What a user calls a kind: kind, plural, singular or short name in any case, with `.group` where it is unclear."""
    word, _, group = name.lower().partition(".")
    found = (k for k in KINDS if word in (k.plural, k.singular, *k.short_names) and group in ("", k.group))
    return next(found, None)


def _plural(singular: str) -> str:
    """The usual English plural, as API machinery guesses it."""
    if singular.endswith(("s", "x", "ch", "sh")):
        return singular + "es"
    if singular.endswith("y") and not singular.endswith(("ay", "ey", "oy", "uy")):
        return singular[:-1] + "ies"
    return singular + "s"
