"""Write what stands in a Secret as Envoy's Secret.

Place:  compose/credentials (as a view) → [envoy/credential] → pipeline/secrets
"""

from meltemi.core.envoy import pb


def certificate_message(name: str, *, chain: bytes, key: bytes) -> pb.Secret:
    """A certificate with its key."""
    written = pb.Secret(name=name)
    written.tls_certificate.certificate_chain.inline_bytes = chain
    written.tls_certificate.private_key.inline_bytes = key
    return written


def authorities_message(name: str, *, roots: bytes, revoked: bytes) -> pb.Secret:
    """Authorities, and what they have revoked."""
    written = pb.Secret(name=name)
    written.validation_context.trusted_ca.inline_bytes = roots
    if revoked:
        written.validation_context.crl.inline_bytes = revoked
    return written
