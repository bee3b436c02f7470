"""The certificates in Envoy's config_dump, summed up in istioctl's columns; private keys are left out.

Place:  apps/cli · what the live Envoy says of itself → [secret_dump] → config_dump → proxy-config
Source: Envoy, SecretsConfigDump; Istio, `istioctl proxy-config secret`.
"""

import base64
import binascii
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from meltemi.apps.cli.tables import items, part

Tree = dict[str, Any]
Row = tuple[str, ...]

HEAD = ("RESOURCE NAME", "TYPE", "STATUS", "VALID CERT", "SERIAL NUMBER", "NOT AFTER", "NOT BEFORE")
_LISTS = (
    ("static_secrets", "ACTIVE"),
    ("dynamic_active_secrets", "ACTIVE"),
    ("dynamic_warming_secrets", "WARMING"),
)
_HIDDEN = ("private_key", "password", "private_key_provider")


def secrets(section: Tree) -> Iterator[Tree]:
    """Every secret as `{name, state, version_info, last_updated, secret}`, without private keys."""
    for field, state in _LISTS:
        for one in items(section, field):
            kept = {name: one[name] for name in ("version_info", "last_updated") if name in one}
            yield {"name": one.get("name", ""), "state": state, **kept, "secret": _open_part(part(one, "secret"))}


def rows(one: Tree) -> Iterator[Row]:
    """A line for the leaf of a certificate chain, or for each authority; one line also for what is not there yet."""
    secret = part(one, "secret")
    kind = "CA" if "validation_context" in secret else "Cert Chain" if "tls_certificate" in secret else ""
    found = list(_certificates(secret))
    for cells in found:
        yield str(one["name"]), kind, str(one["state"]), *cells
    if not found:
        yield str(one["name"]), kind, str(one["state"]), "false", "", "", ""


def _open_part(secret: Tree) -> Tree:
    """Envoy blackens private keys itself; nothing that looks like one is passed on all the same."""
    certificate = part(secret, "tls_certificate")
    if not certificate:
        return {name: value for name, value in secret.items() if name != "session_ticket_keys"}
    return secret | {"tls_certificate": {k: v for k, v in certificate.items() if k not in _HIDDEN}}


def _certificates(secret: Tree) -> Iterator[Row]:
    from cryptography import x509

    chain = _text(part(part(secret, "tls_certificate"), "certificate_chain"))
    trusted = _text(part(part(secret, "validation_context"), "trusted_ca"))
    try:
        found = x509.load_pem_x509_certificates(chain or trusted) if chain or trusted else []
    except ValueError:
        return
    now = datetime.now(UTC)
    for one in found[:1] if chain else found:
        begins, ends = one.not_valid_before_utc, one.not_valid_after_utc
        yield str(begins <= now <= ends).lower(), f"{one.serial_number:x}", _moment(ends), _moment(begins)


def _text(source: Tree) -> bytes:
    if "inline_string" in source:
        return str(source["inline_string"]).encode()
    try:
        return base64.b64decode(str(source.get("inline_bytes", "")))
    except binascii.Error:
        return b""


def _moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
