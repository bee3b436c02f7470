"""TLS for the control plane's own ports, with a certificate of its own authority that is renewed as it runs.

Place:  servers/ca · authorities → [tls] → credentials of the ports for certificates and for xDS
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import grpc
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import random_serial_number

from meltemi.core.identity.certificate import sign_server
from meltemi.core.identity.rotation import Trust
from meltemi.shell.authorities import Authorities

LIFE = timedelta(hours=24)
NAMES = ("istiod.istio-system.svc", "istiod.istio-system", "istio-pilot.istio-system.svc")
"""Whom agents look for, as Istio's istiod is called."""


def server_names(domain: str) -> tuple[str, ...]:
    """All names of the control plane in a cluster's domain."""
    return (*NAMES, *(f"{name}.{domain}" for name in NAMES if name.endswith(".svc")))


class ServerIdentity:
    """The certificate in force. gRPC asks at each handshake, from threads of its own."""

    def __init__(self, authorities: Authorities, names: tuple[str, ...], now: Callable[[], datetime]) -> None:
        self._authorities = authorities
        self._names = names
        self._now = now
        self._lock = threading.Lock()
        self._of: Trust | None = None
        self._due = now()
        self._key = b""
        self._chain = b""

    def credentials(self, *, mutual: bool) -> grpc.ServerCredentials:
        """For one port. `mutual`: who has no certificate of a trusted root does not get in."""
        given = ""

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            nonlocal given
            key, chain, trust = self._current()
            mark = f"{chain!r}{trust.roots}"
            if mark == given:
                return None
            given = mark
            roots = "".join(trust.roots).encode() if mutual else None
            return grpc.ssl_server_certificate_configuration([(key, chain)], root_certificates=roots)

        first = fetch()
        assert first is not None  # noqa: S101  (nothing was given before)
        # None says that nothing has changed (grpc's documentation); the stubs do not know it.
        changes: Callable[[], Any] = fetch
        return grpc.dynamic_ssl_server_credentials(first, changes, require_client_authentication=mutual)

    def _current(self) -> tuple[bytes, bytes, Trust]:
        with self._lock:
            trust, now = self._authorities.trust, self._now()
            if trust != self._of or now >= self._due:
                self._make(now)
                self._of, self._due = trust, now + LIFE / 2
            return self._key, self._chain, trust

    def _make(self, now: datetime) -> None:
        signer, key = self._authorities.signer, ec.generate_private_key(ec.SECP256R1())
        leaf = sign_server(
            key.public_key(), self._names, signer, serial=random_serial_number(), now=now, life=LIFE
        ).decode()
        self._key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._chain = "".join((leaf, *signer.intermediates)).encode()
