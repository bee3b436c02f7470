"""Secrets of a config_dump as rows: odd ones too, and never a private key."""

import base64
from typing import Any

from meltemi.apps.cli.secret_dump import rows, secrets


def section(**secret: Any) -> dict[str, Any]:
    return {"dynamic_warming_secrets": [{"name": "default", "version_info": "1", "secret": secret}]}


def encoded(text: str) -> dict[str, str]:
    return {"inline_bytes": base64.b64encode(text.encode()).decode()}


def test_a_private_key_is_left_out_whatever_envoy_says():
    said = section(tls_certificate={"certificate_chain": encoded("x"), "private_key": encoded("hush")})

    (one,) = secrets(said)

    assert one["secret"]["tls_certificate"] == {"certificate_chain": encoded("x")}
    assert one["version_info"] == "1"


def test_what_is_not_there_yet_has_a_line():
    (one,) = secrets(section())

    assert list(rows(one)) == [("default", "", "WARMING", "false", "", "", "")]


def test_what_cannot_be_read_has_a_line():
    (one,) = secrets(section(validation_context={"trusted_ca": encoded("no certificate")}))

    assert list(rows(one)) == [("default", "CA", "WARMING", "false", "", "", "")]
