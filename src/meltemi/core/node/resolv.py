"""resolv.conf: what a pod's says, and what the host's means.

Place:  node · used by shell/runtime's sandbox and dns
"""

from ipaddress import ip_address

NAMESERVER = "127.0.0.1"
"""Where a pod's sandbox answers, in the pod's own network. Istio's interception lets connections to it pass."""
DNS_PORT = 53


def pod_resolv_conf(namespace: str, cluster_domain: str) -> str:
    """The resolv.conf of a pod with dnsPolicy ClusterFirst."""
    search = f"{namespace}.svc.{cluster_domain} svc.{cluster_domain} {cluster_domain}"
    return f"search {search}\nnameserver {NAMESERVER}\noptions ndots:5\n"


def nameservers(resolv_conf: str) -> tuple[str, ...]:
    """The addresses of the nameservers, in order, at most three as in the C library."""
    words = (line.split() for line in resolv_conf.splitlines())
    named = (line[1] for line in words if len(line) > 1 and line[0] == "nameserver")
    return tuple(filter(_is_address, named))[:3]


def _is_address(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
