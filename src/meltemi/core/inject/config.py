"""What the mesh says about injected proxies, before a pod's own annotations speak.

Place:  inject · made by apps from the mesh's settings, read by the whole room
"""

from meltemi.core.model.document import LOCAL_CLUSTER
from meltemi.core.model.value import Value

PROXY_IMAGE = "meltemi/proxyv2"
PROXY_UID = 1337
"""User and group of the proxy, by which the interception rules know its packets (Istio's)."""
PROXY_MARK = 1337
"""Mark of the proxy's own connections, by which the rules know them where there is one user only."""

OUTBOUND_PORT, INBOUND_PORT = 15001, 15006
STATUS_PORT, READY_PORT, METRICS_PORT = 15020, 15021, 15090


class Resources(Value, frozen=True, kw_only=True):
    """Kubernetes quantities as text; empty: not set."""

    cpu: str = "100m"
    memory: str = "128Mi"
    cpu_limit: str = "2000m"
    memory_limit: str = "1024Mi"


class InjectConfig(Value, frozen=True, kw_only=True):
    """Settings of injection. Defaults are Istio's, except where a field says otherwise."""

    xds_dir: str
    """Directory on the node under which `<namespace>/<pod>/xds.sock` is served."""
    modules_dir: str = ""
    """Directory on the node with the modules of WebAssembly that were fetched; empty: there is none."""
    image: str = PROXY_IMAGE
    revision: str = "default"
    """The `istio.io/rev` that this injector answers to, besides namespaces that are merely enabled."""
    domain: str = "cluster.local"
    trust_domain: str = "cluster.local"
    mesh_id: str = "cluster.local"
    cluster_id: str = LOCAL_CLUSTER
    network: str = ""
    hold_application: bool = True
    """Start application containers only when the proxy is ready. Istio's default is off for classic sidecars, but lets
    an application's first requests fail."""
    proxy_config: tuple[tuple[str, object], ...] = ()
    """Fields of `meshConfig.defaultConfig` (ProxyConfig), in camelCase, with those of ProxyConfigs for the mesh or for
    the namespace; a pod's `proxy.istio.io/config` wins."""
    selected_proxy_config: tuple[tuple[str, object], ...] = ()
    """Fields of the ProxyConfig that selects the pod: it wins over the pod's annotation."""
    outbound_port: int = OUTBOUND_PORT
    """Where the proxy takes what its application calls (meshConfig.proxyListenPort)."""
    inbound_port: int = INBOUND_PORT
    """Where it takes calls to its application (meshConfig.proxyInboundListenPort)."""
    log_level: str = "warning"
    component_log_level: str = "misc:error"
    agent_log_level: str = "default:info"
    resources: Resources = Resources()
    include_outbound_ranges: str = "*"
    exclude_outbound_ranges: str = ""
    include_inbound_ports: str = "*"
    exclude_inbound_ports: str = ""
    include_outbound_ports: str = ""
    exclude_outbound_ports: str = ""
    on_demand: bool = False
    """The proxy asks for hosts when its workload calls them."""
    merge_metrics: bool = True
    """Let the agent serve the application's metrics with the proxy's (meshConfig.enablePrometheusMerge)."""
    one_user: bool = False
    """Pods run in a user namespace that holds user 0 alone: the proxy is known by a mark of its connections, which
    takes NET_ADMIN in its pod's own network."""
    rewrite_probes: bool = True
