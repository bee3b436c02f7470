"""Whom a CUSTOM policy asks, settled; or why it cannot be asked.

Place:  compose/{authorization,registry}, model/mesh_providers → [view/authorizer] → envoy/authorizer,
        pipeline/{authorizers,clusters}
Source: Istio, "External Authorization", and pilot/pkg/security/authz/builder
"""

from http import HTTPStatus

from msgspec import structs

from meltemi.core.compose.authorization import Applied, authorization_policy
from meltemi.core.compose.mesh import mesh
from meltemi.core.compose.registry import port_of, service
from meltemi.core.engine.engine import Engine
from meltemi.core.model.mesh_providers import (
    EnvoyExternalAuthorizationGrpcProvider,
    EnvoyExternalAuthorizationHttpProvider,
    RequestBody,
)
from meltemi.core.model.value import Value
from meltemi.core.view.authorization import Policy, policies
from meltemi.core.view.names import cluster_name

PREFIX = "istio-ext-authz"
"""What the names of policies begin with that send to a provider (Istio's word)."""
BROKEN = "deny-due-to-bad-CUSTOM-action"
"""What they end with where nobody can be asked (Istio's word)."""
FORBIDDEN = 403
STATUSES = frozenset(int(one) for one in HTTPStatus) - {101, 102, 103, 418, 425, 451}
"""Those that Envoy has a word for (envoy.type.v3.StatusCode); it refuses others."""

MOST_BYTES, LONGEST, MOST_HEADER = 1 << 32, 1 << 32, 16384
_BREAKS = set("\0\r\n")
"""What no header may hold. Source: Envoy's constraints on HttpUri, BufferSettings and HeaderValue."""

ExtAuthz = EnvoyExternalAuthorizationHttpProvider | EnvoyExternalAuthorizationGrpcProvider


class Authorizer(Value, frozen=True, kw_only=True):
    """Whom to ask."""

    name: str
    host: str
    port: int
    status: int = FORBIDDEN
    asked: ExtAuthz

    @property
    def cluster(self) -> str:
        return cluster_name("outbound", self.port, host=self.host)

    @property
    def body(self) -> RequestBody | None:
        return self.asked.include_request_body_in_check


class Asking(Value, frozen=True, kw_only=True):
    """What the CUSTOM policies of a workload come to."""

    authorizer: Authorizer | None = None
    fault: str = ""
    """Why nobody can be asked: all that the policies are for is refused."""


def asking(e: Engine, applied: tuple[Applied, ...]) -> Asking:
    """Whom a workload asks. One provider is possible for one workload, as in Istio."""
    names = sorted({provider_of(e, one) for one in applied})
    if len(names) != 1:
        return Asking(fault=f"several providers for one workload: {', '.join(names)}")
    return e.get(authorizer, names[0])


def provider_of(e: Engine, applied: Applied) -> str:
    """The provider that a policy names."""
    found = e.get(authorization_policy, applied.key)
    return found.provider.name if found and found.provider else ""


def authorizer(e: Engine, name: str) -> Asking:
    """A provider of the mesh settings."""
    found = [one for one in mesh(e).extension_providers if one.name == name]
    asked = (found[0].envoy_ext_authz_http or found[0].envoy_ext_authz_grpc) if found else None
    if asked is None:
        return Asking(fault=f"the mesh settings have no provider {name!r} that authorizes")
    if len(found) > 1:
        return Asking(fault=f"the mesh settings have {len(found)} providers {name!r}")
    fault = _unknown(e, name, asked) or _impossible(name, asked)
    if fault:
        return Asking(fault=fault)
    host = asked.service.rpartition("/")[2]
    status = int(asked.status_on_error) if asked.status_on_error else FORBIDDEN
    return Asking(authorizer=Authorizer(name=name, host=host, port=asked.port, status=status, asked=asked))


def _unknown(e: Engine, name: str, asked: ExtAuthz) -> str:
    """Why the mesh does not know the service that is to be asked."""
    namespace, _, host = asked.service.rpartition("/")
    found = e.get(service, host)
    if found is None or (namespace and found.namespace != namespace):
        return f"the service {asked.service!r} of provider {name!r} is not known"
    if e.get(port_of, host, asked.port) is None:
        return f"the service {host!r} of provider {name!r} has no port {asked.port}"
    return ""


def _impossible(name: str, asked: ExtAuthz) -> str:
    """What of the settings Envoy would refuse: then nothing would be asked, and everybody let in."""
    body = asked.include_request_body_in_check
    if asked.status_on_error and not _is_status(asked.status_on_error):
        return f"'statusOnError' of provider {name!r} is no status of HTTP: {asked.status_on_error!r}"
    if body is not None and not 0 < body.max_request_bytes < MOST_BYTES:
        return f"'maxRequestBytes' of provider {name!r} is not between 1 and {MOST_BYTES - 1}"
    if not 0 < asked.timeout < LONGEST:
        return f"'timeout' of provider {name!r} is not between 0 and {LONGEST} seconds"
    if isinstance(asked, EnvoyExternalAuthorizationHttpProvider):
        return _impossible_request(name, asked)
    return ""


def _impossible_request(name: str, asked: EnvoyExternalAuthorizationHttpProvider) -> str:
    if asked.path_prefix[:1] not in ("", "/"):
        return f"'pathPrefix' of provider {name!r} does not begin with '/'"
    added = asked.include_additional_headers_in_check
    if any(not key or _BREAKS & set(key + value) or len(key) + len(value) > MOST_HEADER for key, value in added):
        return f"'includeAdditionalHeadersInCheck' of provider {name!r} has what is no header"
    return ""


def _is_status(written: str) -> bool:
    return written.isascii() and written.isdecimal() and len(written) <= len("403") and int(written) in STATUSES


def sent(e: Engine, applied: tuple[Applied, ...], network: bool) -> tuple[Policy, ...]:
    """The rules that send to the provider, or that refuse because there is none."""
    broken = f"-{BROKEN}" if asking(e, applied).fault else ""
    return tuple(
        structs.replace(policy, name=f"{PREFIX}-{provider_of(e, one)}-{policy.name}{broken}")
        for one in applied
        for policy in e.get(policies, one.key, network)
    )
