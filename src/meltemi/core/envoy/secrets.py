"""Where Envoy asks for certificates and authorities, and how names in certificates are compared.

Place:  [envoy/secrets] → envoy/{server_tls,upstream_tls}

The workload's own are kept by the agent beside it, which alone has the key; all others come from the control plane.
"""

from collections.abc import Iterator

from meltemi.core.envoy import pb
from meltemi.core.view.mesh_tls import AUTHORITIES, CERTIFICATE

AGENT = "sds-grpc"
"""The agent's cluster in Envoy's bootstrap (Istio's name)."""
PATIENCE = 5
"""Seconds that a listener waits for its secrets before it serves its other chains."""


def secret(name: str) -> pb.SdsSecretConfig:
    """A secret asked for by name."""
    own = name in (CERTIFICATE, AUTHORITIES)
    source = pb.beside(AGENT, patience=PATIENCE) if own else pb.ads(patience=PATIENCE)
    return pb.SdsSecretConfig(name=name, sds_config=source)


def names_of(names: tuple[str, ...]) -> Iterator[pb.SubjectAltNameMatcher]:
    """A name may be of any of the types that certificates of services use."""
    for name in names:
        matcher = pb.StringMatcher(exact=name)
        yield pb.SubjectAltNameMatcher(san_type=pb.SubjectAltNameMatcher.URI, matcher=matcher)
        if "://" not in name:
            yield pb.SubjectAltNameMatcher(san_type=pb.SubjectAltNameMatcher.DNS, matcher=matcher)


def prefixes_of(prefixes: tuple[str, ...]) -> Iterator[pb.SubjectAltNameMatcher]:
    """URIs that begin so."""
    for prefix in prefixes:
        yield pb.SubjectAltNameMatcher(san_type=pb.SubjectAltNameMatcher.URI, matcher=pb.StringMatcher(prefix=prefix))
