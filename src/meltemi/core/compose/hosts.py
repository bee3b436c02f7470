"""Host names: short forms, wildcards, and which of two names is the closer one.

Place:  compose/hosts → compose/{visibility,virtual_services,gateways} → view
Source: Istio, "Virtual Service", field `hosts`, and "Destination", field `host`
"""

from collections.abc import Container, Iterator
from ipaddress import ip_address, ip_network

CLUSTER_DOMAIN = "cluster.local"
"""DNS suffix of the names of Kubernetes Services."""


def qualified(host: str, namespace: str) -> str:
    """A name without a dot is a Service of the document's own namespace; every other name stands as it is."""
    if "." in host or host.startswith("*") or not host or ":" in host:
        return host
    return f"{host}.{namespace}.svc.{CLUSTER_DOMAIN}"


def covers(pattern: str, host: str) -> bool:
    """Whether every name that `host` stands for is one that `pattern` stands for. Both may begin with `*`."""
    if pattern == host:
        return True
    return pattern.startswith("*") and host.removeprefix("*").endswith(pattern[1:]) and len(host) >= len(pattern)


def common(one: str, other: str) -> str | None:
    """The names that both patterns stand for, as one pattern; None where there are none."""
    if covers(one, other):
        return other
    return one if covers(other, one) else None


def closest(host: str, patterns: Container[str]) -> str | None:
    """The pattern that says most about `host`: itself, else the longest wildcard that covers it."""
    return next((pattern for pattern in patterns_of(host) if pattern in patterns), None)


def patterns_of(host: str) -> Iterator[str]:
    """All patterns that cover `host`, the one that says most about it first."""
    yield host
    rest = host.removeprefix("*")
    yield from ("*" + rest[i:] for i in range(len(rest) + 1))


def is_range(address: str) -> bool:
    """Whether an address is a CIDR range of more than one address."""
    try:
        return "/" in address and ip_network(address, strict=False).num_addresses > 1
    except ValueError:
        return False


def is_ip(address: str) -> bool:
    """Whether an address is one IP address (a range of one address counts)."""
    try:
        ip_address(address.partition("/")[0])
    except ValueError:
        return False
    return not is_range(address)


def plain_range(address: str) -> str:
    """An address or range as the range it stands for, without host bits: equal ranges become equal texts."""
    try:
        return str(ip_network(address, strict=False))
    except ValueError:
        return address


def is_near(host: str, namespace: str) -> bool:
    """Whether a host is a Kubernetes Service of a namespace, by its name."""
    return host.endswith(f".{namespace}.svc.{CLUSTER_DOMAIN}")


def home_of(host: str) -> str:
    """The namespace to which a host `is_near`; empty where it is near to none."""
    name, dot, namespace = host.removesuffix(f".svc.{CLUSTER_DOMAIN}").rpartition(".")
    return namespace if dot and name and is_near(host, namespace) else ""


def short_names(host: str, namespace: str) -> tuple[str, ...]:
    """All names by which a client in `namespace` may call a Kubernetes Service, the full one first.

    Source: Kubernetes, "DNS for Services and Pods", search domains NS.svc.DOMAIN, svc.DOMAIN, DOMAIN.
    """
    suffix = f".svc.{CLUSTER_DOMAIN}"
    if not host.endswith(suffix):
        return (host,)
    name, _, place = host.removesuffix(suffix).rpartition(".")
    if not name:
        return (host,)
    forms = [host]
    if place == namespace:
        forms.append(name)
    return (*forms, f"{name}.{place}", f"{name}.{place}.svc")
