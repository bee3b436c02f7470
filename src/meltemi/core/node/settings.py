"""What `up` settled for the embedded node.

Place:  node · written by `up` as STATE/settings.json, read by every part of the node
"""

from ipaddress import IPv4Network

from meltemi.core.model.proxy import Discovery
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value


class KubeSettings(Value, frozen=True, kw_only=True):
    """The real Kubernetes API that a mesh runs from. All ports are of this machine alone."""

    api_port: int
    """Of 127.0.0.1 and of the node's address."""
    etcd_port: int
    etcd_peer_port: int
    kubelet_port: int
    """Of the node's address: logs, exec and port-forward for the API server."""
    webhook_port: int
    """Of 127.0.0.1: injection and validation."""
    controllers: bool = False
    """The real kube-controller-manager brings Deployments to life; else the node's own controllers do."""
    scheduler: bool = False
    """The real kube-scheduler binds pods; else the node's own controllers do."""


class NodeSettings(Value, frozen=True, kw_only=True):
    """Settings of one mesh on one machine. Fields of the file that are not here belong to somebody else."""

    mesh_id: str = ""
    """Six hex digits that set this mesh's interfaces and rules apart; derived from the state directory."""
    node_name: str = "meltemi"
    cluster_domain: str = "cluster.local"
    pod_cidr: str = "198.18.0.0/16"
    service_cidr: str = "198.19.0.0/16"
    gateway_port: int | None = None
    """Port on the host's own addresses that leads to the gateway; None: there is none."""
    gateway_service: str = "istio-system/istio-ingressgateway"
    """NAMESPACE/NAME of the Service behind `gateway_port`."""
    gateway_service_port: int = 80
    """The port of that Service."""
    xds_port: int | None = None
    """Port of 127.0.0.1 where tools may ask for xDS; None: there is none."""
    ca_port: int | None = None
    """Port of all addresses where agents ask for certificates over TLS, by token; None: there is none."""
    xds_tls_port: int | None = None
    """Port of all addresses for xDS and renewal over mutual TLS; None: there is none."""
    certificate_life: Seconds = Seconds(24 * 3600)
    """Of workloads' certificates, where the agent does not ask for another."""
    keys_every: Seconds = Seconds(20 * 60)
    """How often the keys of issuers of tokens are fetched (Istio's default), and modules that may change."""
    keys_from: tuple[str, ...] = ()
    """Networks that keys and modules may be fetched from although they are of this machine or of its link alone."""
    insecure_registries: tuple[str, ...] = ()
    """Registries of modules that are asked without TLS: HOST or HOST:PORT."""
    longest_certificate_life: Seconds = Seconds(90 * 24 * 3600)
    """Whoever asks for more gets this."""
    endpoint_grace: Seconds = Seconds(1.0)
    """How long a pod that is being deleted goes on serving, so that everybody learns that it leaves."""
    discovery: Discovery = Discovery.AUTO
    """How sidecars of pods that are made from now on find what they call."""
    kube: KubeSettings | None = None
    """None: objects are in the embedded store."""
    image_maps: tuple[str, ...] = ()
    """Files that say which command an image stands for, in the order in which they are asked."""

    @property
    def node_ip(self) -> str:
        """The host's address towards pods: the first of `pod_cidr`; on `lo`, so every veth answers for it."""
        # Pods may use it as their gateway: an address of any interface is answered for on all of them.
        return str(IPv4Network(self.pod_cidr)[1])

    @property
    def kube_service_ip(self) -> str:
        """Of the Service `kubernetes`, where pods find a real API server: the first of `service_cidr`."""
        return str(IPv4Network(self.service_cidr)[1])

    @property
    def address_label(self) -> str:
        """The label of `node_ip` on `lo`, by which it is known as ours."""
        return f"lo:{self.veth_prefix}"

    @property
    def table(self) -> str:
        """The nft table (of family ip) with this mesh's rules."""
        return f"meltemi-{self.mesh_id}"

    @property
    def veth_prefix(self) -> str:
        """How the names of the host's ends of veths begin: 7 of the 15 characters that the kernel allows."""
        return f"m{self.mesh_id}"
