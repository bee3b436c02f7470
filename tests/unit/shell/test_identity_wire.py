"""shell/identity_wire: Istio's bytes, and what agents and the authority tell each other."""

from datetime import UTC, datetime

import pytest

from meltemi.core.identity.rotation import Holding, Trust
from meltemi.core.model.units import Seconds
from meltemi.shell.identity_wire import (
    CertificateRequest,
    decode_holding,
    decode_request,
    decode_response,
    decode_trust,
    encode_holding,
    encode_request,
    encode_response,
    encode_trust,
)

ISTIO = bytes.fromhex("0a0350454d18901c")
"""csr=1 "PEM", validity_duration=3 3600, as protoc's code writes them."""


def test_istios_bytes_are_read():
    assert decode_request(ISTIO) == CertificateRequest(csr="PEM", life=Seconds(3600))


def test_a_request_survives_the_wire():
    request = CertificateRequest(csr="PEM", life=Seconds(60), metadata=(("ClusterID", "Kubernetes"),))

    assert decode_request(encode_request(request)) == request


def test_a_response_is_a_list_of_texts():
    assert encode_response(["a", "bc"]) == b"\x0a\x01a\x0a\x02bc"
    assert decode_response(b"\x0a\x01a\x0a\x02bc") == ("a", "bc")


# fmt: off
HOLDINGS = {
    "before it has any":    Holding(),
    "a certificate":        Holding(roots="aa", issuer="bb", serial="01", not_before=datetime(2026, 1, 1, tzinfo=UTC),
                                    not_after=datetime(2026, 1, 2, tzinfo=UTC)),
}
# fmt: on


@pytest.mark.parametrize("holding", HOLDINGS.values(), ids=HOLDINGS)
def test_what_an_agent_holds_survives_the_wire(holding: Holding):
    assert decode_holding(encode_holding(holding)) == holding


def test_what_an_agent_holds_is_as_the_design_says():
    assert encode_holding(Holding()) == b'{"roots":"","issuer":"","serial":"","notBefore":"","notAfter":""}'
    assert decode_holding(b'{"issuer": "AB", "notAfter": "2026-11-24T10:00:00Z"}') == Holding(
        issuer="ab", not_after=datetime(2026, 11, 24, 10, tzinfo=UTC)
    )


@pytest.mark.parametrize("data", [b"", b"[]", b'{"roots": 5}', b'{"notAfter": "tomorrow"}'])
def test_what_cannot_be_read_is_a_value_error(data: bytes):
    with pytest.raises(ValueError):
        decode_holding(data)


def test_trust_survives_the_wire():
    trust = Trust(roots=("one", "two"), signer="aa")

    assert decode_trust(encode_trust(trust)) == trust
