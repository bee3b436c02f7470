"""SPIFFE ids of workloads, read and written.

Place:  identity · namespace, service account, trust domain ⇄ [spiffe] ⇄ csr, certificate; read from peers' certificates
Source: SPIFFE-ID (github.com/spiffe/spiffe), parts 2.1 and 2.2; Istio, "Istio identity": spiffe://TD/ns/NS/sa/SA
"""

import re

from meltemi.core.model.value import Value

SCHEME = "spiffe://"
LONGEST_ID = 2048
"""Bytes (SPIFFE-ID 2.3)."""
LONGEST_DOMAIN = 255
_DOMAIN = re.compile(r"[a-z0-9._-]+")
_SEGMENT = re.compile(r"[a-zA-Z0-9._-]+")


class Identity(Value, frozen=True, kw_only=True):
    """Who a workload is: its service account, in the trust domain of its mesh."""

    trust_domain: str
    namespace: str
    service_account: str

    @property
    def uri(self) -> str:
        """`spiffe://cluster.local/ns/shop/sa/cart`."""
        return f"{SCHEME}{self.trust_domain}/ns/{self.namespace}/sa/{self.service_account}"


def parse(uri: str) -> Identity | None:
    """The identity of a workload; None for other URIs, also for SPIFFE ids of another form."""
    if len(uri.encode()) > LONGEST_ID or not uri.startswith(SCHEME):
        return None
    parts = uri.removeprefix(SCHEME).split("/")
    if len(parts) != 5 or (parts[1], parts[3]) != ("ns", "sa"):
        return None
    domain, _, namespace, _, account = parts
    if not is_trust_domain(domain) or not (_is_segment(namespace) and _is_segment(account)):
        return None
    return Identity(trust_domain=domain, namespace=namespace, service_account=account)


def is_trust_domain(text: str) -> bool:
    """Lower-case letters, digits, `.`, `-` and `_`; no port, no user, not empty."""
    return len(text) <= LONGEST_DOMAIN and _DOMAIN.fullmatch(text) is not None


def _is_segment(text: str) -> bool:
    return text not in (".", "..") and _SEGMENT.fullmatch(text) is not None
