"""Certificates and authorities that users keep in Secrets.

Place:  model/kube Secret → [compose/credentials] → view/{proxy_credentials,routing_findings}, pipeline/secrets
Source: Istio, "Secure Gateways": keys `tls.crt`, `tls.key`, `ca.crt`, `ca.crl`, or `cert`, `key`, `cacert`, `crl`;
        authorities stand in the Secret `NAME-cacert`, or beside the certificate; or in a ConfigMap
"""

from collections.abc import Mapping

from meltemi.core.compose.inputs import read_as
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Origin
from meltemi.core.model.kube.namespace import ConfigMap, Secret
from meltemi.core.model.value import Value

AUTHORITIES = "-cacert"
"""How the names of Secrets with authorities end."""
_FORMS = (("tls.crt", "tls.key"), ("cert", "key"))
_ROOTS = (("ca.crt", "ca.crl"), ("cacert", "crl"))


class Credential(Value, frozen=True, kw_only=True):
    """A certificate with its key, or authorities, in PEM; `fault` says why there is neither."""

    chain: bytes = b""
    key: bytes = b""
    roots: bytes = b""
    revoked: bytes = b""
    fault: str = ""
    origin: Origin | None = None


def credential(e: Engine, namespace: str, name: str) -> Credential:
    """What a name stands for in the namespace of the proxy that asks for it."""
    found = _secret(e, namespace, name)
    if name.endswith(AUTHORITIES):
        own = name if found else name.removesuffix(AUTHORITIES)
        return _authorities(own, found or _secret(e, namespace, own) or _config_map(e, namespace, own), namespace)
    if found is None:
        return Credential(fault=f"there is no Secret {name!r} in namespace {namespace!r}")
    for chain, key in _FORMS:
        if found.get(chain) and found.get(key):
            return Credential(chain=found[chain], key=found[key], origin=_origin(namespace, name))
    return Credential(fault=f"Secret {name!r} has no 'tls.crt' and 'tls.key', but {_named(found)}")


def _authorities(name: str, found: Mapping[str, bytes] | None, namespace: str) -> Credential:
    if found is None:
        return Credential(fault=f"there is no Secret {name!r} in namespace {namespace!r}")
    for roots, revoked in _ROOTS:
        if found.get(roots):
            origin = _origin(namespace, name)
            return Credential(roots=found[roots], revoked=found.get(revoked, b""), origin=origin)
    return Credential(fault=f"Secret {name!r} has no 'ca.crt', but {_named(found)}")


def _secret(e: Engine, namespace: str, name: str) -> Mapping[str, bytes] | None:
    found = read_as(e, Key(group="", kind="Secret", namespace=namespace, name=name), Secret)
    if found is None:
        return None
    return dict(found.spec.data) | {name: text.encode() for name, text in found.spec.string_data}


def _config_map(e: Engine, namespace: str, name: str) -> Mapping[str, bytes] | None:
    """Authorities are no secret: a ConfigMap may hold them."""
    found = read_as(e, Key(group="", kind="ConfigMap", namespace=namespace, name=name), ConfigMap)
    return {key: text.encode() for key, text in found.spec.data} if found else None


def _named(found: Mapping[str, bytes]) -> str:
    return ", ".join(repr(name) for name in sorted(found)) or "nothing"


def _origin(namespace: str, name: str) -> Origin:
    return Origin(key=Key(group="", kind="Secret", namespace=namespace, name=name))
