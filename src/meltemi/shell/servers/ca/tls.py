"""TLS for the control plane's own ports, with a certificate of its own authority that is renewed as it runs.

Place:  servers/ca · authorities → [tls] → what TLS of the ports for certificates and for xDS is held to
"""

import os
import ssl
from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import random_serial_number

from meltemi.core.identity.certificate import sign_server
from meltemi.core.identity.rotation import Trust
from meltemi.shell.authorities import Authorities
from meltemi.shell.rpc.server import Secure

LIFE = timedelta(hours=24)
NAMES = ("istiod.istio-system.svc", "istiod.istio-system", "istio-pilot.istio-system.svc")
"""Whom agents look for, as Istio's istiod is called."""


def server_names(domain: str) -> tuple[str, ...]:
    """All names of the control plane in a cluster's domain."""
    return (*NAMES, *(f"{name}.{domain}" for name in NAMES if name.endswith(".svc")))


class ServerIdentity:
    """The certificate in force, asked for by each connection that begins."""

    def __init__(self, authorities: Authorities, names: tuple[str, ...], now: Callable[[], datetime]) -> None:
        self._authorities = authorities
        self._names = names
        self._now = now
        self._of: Trust | None = None
        self._due = now()
        self._pem = b""

    def secure(self, *, mutual: bool) -> Secure:
        """For one port. `mutual`: who has no certificate of a trusted root does not get in."""
        made: tuple[bytes, Trust, ssl.SSLContext] | None = None

        def current() -> ssl.SSLContext:
            nonlocal made
            pem, trust = self._current()
            if made is None or made[:2] != (pem, trust):
                made = pem, trust, _context(pem, "".join(trust.roots) if mutual else "")
            return made[2]

        return current

    def _current(self) -> tuple[bytes, Trust]:
        trust, now = self._authorities.trust, self._now()
        if trust != self._of or now >= self._due:
            self._pem = self._make(now)
            self._of, self._due = trust, now + LIFE / 2
        return self._pem, trust

    def _make(self, now: datetime) -> bytes:
        """A key and its chain."""
        signer, key = self._authorities.signer, ec.generate_private_key(ec.SECP256R1())
        leaf = sign_server(
            key.public_key(), self._names, signer, serial=random_serial_number(), now=now, life=LIFE
        ).decode()
        own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return own + "".join((leaf, *signer.intermediates)).encode()


def _context(pem: bytes, roots: str) -> ssl.SSLContext:
    """A context for as long as certificate and roots stay: sessions are resumed in their own context only, so none
    outlives the root that vouched for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # of TLS 1.2; HTTP/2 forbids most others (RFC 9113, A)
    context.set_alpn_protocols(["h2"])
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    # OpenSSL's wrapper reads files only; this one is in no file system.
    file = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(file, pem)
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)
    if roots:
        context.load_verify_locations(cadata=roots)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
