"""servers/ca over real sockets: a pod gets its own identity with its own token, and nothing else by any means."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from meltemi.core.identity.rotation import Rotation
from meltemi.core.identity.token import key_id, make
from unit.ca.world import World, world
from unit.identity.pki import csr, dns, intermediate, p256, rsa_key, uri

Code = grpc.StatusCode
OWN = "spiffe://cluster.local/ns/shop/sa/cart"


def run(folder: Path, test: Callable[[World], Awaitable[None]]) -> None:
    async def body() -> None:
        async with asyncio.timeout(60), world(folder) as one:
            await test(one)

    asyncio.run(body())


def names(pem: str) -> list[str]:
    certificate = x509.load_pem_x509_certificate(pem.encode())
    return [one.value for one in certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value]


async def refused(asking: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asking
    return caught.value.code(), caught.value.details() or ""


def test_a_pod_gets_its_own_identity(tmp_path: Path):
    async def test(one: World) -> None:
        key = p256()
        chain = await one.ask("cart", await one.token("cart", "cart"), csr(uri(OWN), key=key))
        leaf = x509.load_pem_x509_certificate(chain[0].encode())
        form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        assert names(chain[0]) == [OWN, "cart.shop.workload"]
        assert leaf.public_key().public_bytes(*form) == key.public_key().public_bytes(*form)
        assert chain[1:] == one.authorities.trust.roots

    run(tmp_path, test)


def test_a_plugged_in_authority_sends_its_chain(tmp_path: Path):
    async def test(one: World) -> None:
        parts = intermediate(one.authorities.signer)
        await one.authorities.plug(parts)
        chain = await one.ask("cart", await one.token("cart", "cart"))
        assert chain[1:] == (parts.ca_cert, parts.root_cert)

    run(tmp_path, test)


def test_during_a_rotation_both_roots_come_last(tmp_path: Path):
    async def test(one: World) -> None:
        assert (await one.authorities.forward()) != Rotation(old="")
        chain = await one.ask("cart", await one.token("cart", "cart"))
        assert chain[-1] == "".join(one.authorities.trust.roots)
        assert chain[-1].count("BEGIN") == 2

    run(tmp_path, test)


# === attacks ===

Said = dict[str, Any]
# fmt: off
REQUESTS = {
    "another's identity":   (csr(uri("spiffe://cluster.local/ns/shop/sa/other")), Code.PERMISSION_DENIED, "sa/other"),
    "another namespace's":  (csr(uri("spiffe://cluster.local/ns/prod/sa/cart")), Code.PERMISSION_DENIED, "ns/prod"),
    "an extra name":        (csr(uri(OWN), dns("other.shop.workload")), Code.PERMISSION_DENIED, "other.shop"),
    "a common name":        (csr(uri(OWN), common_name="root"), Code.PERMISSION_DENIED, "CN=root"),
    "an authority":         (csr(extensions=(x509.BasicConstraints(ca=True, path_length=None),)),
                             Code.PERMISSION_DENIED, "authority"),
    "a weak key":           (csr(key=rsa_key(1024)), Code.INVALID_ARGUMENT, "1024"),
    "no request":           (b"hello", Code.INVALID_ARGUMENT, "cannot be read"),
}
TOKENS: dict[str, tuple[Said, str]] = {
    "wrong audience":       ({"aud": ("vault",)}, "vault"),
    "expired":              ({"exp": 1}, "expired"),
    "not valid yet":        ({"nbf": 4_000_000_000}, "not valid yet"),
    "wrong issuer":         ({"iss": "https://evil"}, "evil"),
    "another's subject":    ({"sub": "system:serviceaccount:shop:other"}, "subject"),
}
# fmt: on


@pytest.mark.parametrize(("request_", "code", "said"), REQUESTS.values(), ids=REQUESTS)
def test_attack_request(tmp_path: Path, request_: bytes, code: grpc.StatusCode, said: str):
    async def test(one: World) -> None:
        got = await refused(one.ask("cart", await one.token("cart", "cart"), request_))
        assert got[0] is code
        assert said in got[1]

    run(tmp_path, test)


@pytest.mark.parametrize(("claims", "said"), TOKENS.values(), ids=TOKENS)
def test_attack_token(tmp_path: Path, claims: Said, said: str):
    async def test(one: World) -> None:
        got = await refused(one.ask("cart", await one.token("cart", "cart", **claims)))
        assert got[0] is Code.UNAUTHENTICATED
        assert said in got[1]

    run(tmp_path, test)


def test_attack_no_token_and_forged_tokens(tmp_path: Path):
    async def test(one: World) -> None:
        claims, stranger = await one.claims("cart", "cart"), p256()
        good = one.issuer.token(claims)
        head, body, _ = good.split(".")
        forged = make(claims, stranger).replace(key_id(stranger.public_key()), "x")
        for token in (None, "", "x", f"{head}.{body}.", forged):
            assert (await refused(one.ask("cart", token)))[0] is Code.UNAUTHENTICATED

    run(tmp_path, test)


def test_attack_a_token_replayed_on_another_pods_socket(tmp_path: Path):
    async def test(one: World) -> None:
        stolen = await one.token("cart", "cart")
        code, said = await refused(one.ask("other", stolen))
        assert code is Code.UNAUTHENTICATED
        assert "shop/cart" in said
        assert "shop/other" in said

    run(tmp_path, test)


def test_attack_a_token_of_a_pod_that_is_gone(tmp_path: Path):
    async def test(one: World) -> None:
        token = await one.token("cart", "cart")
        await one.remove("Pod", "cart")
        assert (await refused(one.ask("cart", token)))[0] is Code.UNAUTHENTICATED
        await one.add_pod("cart", "cart")
        code, said = await refused(one.ask("cart", token))
        assert code is Code.UNAUTHENTICATED
        assert "earlier pod" in said

    run(tmp_path, test)


def test_attack_a_token_of_a_service_account_that_is_gone(tmp_path: Path):
    async def test(one: World) -> None:
        token = await one.token("cart", "cart")
        await one.remove("ServiceAccount", "cart")
        assert "gone" in (await refused(one.ask("cart", token)))[1]

    run(tmp_path, test)


def test_attack_a_certificate_in_the_name_of_another(tmp_path: Path):
    async def test(one: World) -> None:
        asking = one.ask("cart", await one.token("cart", "cart"), metadata=(("ImpersonatedIdentity", "x"),))
        assert (await refused(asking))[0] is Code.PERMISSION_DENIED

    run(tmp_path, test)


def test_an_authority_that_has_expired_signs_nothing(tmp_path: Path):
    async def test(one: World) -> None:
        one.late = timedelta(days=4000)
        assert (await refused(one.ask("cart", await one.token("cart", "cart"))))[0] is Code.UNAVAILABLE

    run(tmp_path, test)


def test_what_becomes_of_requests_is_counted(tmp_path: Path):
    async def test(one: World) -> None:
        token = await one.token("cart", "cart")
        await one.ask("cart", token)
        assert one.counted == {"csr": 1, "success_cert_issuance": 1}
        await refused(one.ask("cart", None))
        await refused(one.ask("cart", token, b"no request"))
        await refused(one.ask("cart", token, metadata=(("ImpersonatedIdentity", "x"),)))
        assert one.counted == {
            "csr": 4, "success_cert_issuance": 1, "authentication_failure": 1, "csr_parsing_err": 1, "csr_sign_err": 1,
        }  # fmt: skip
        one.late = timedelta(days=4000)
        await refused(one.ask("cart", await one.token("cart", "cart")))
        assert one.counted["csr_sign_err"] == 2

    run(tmp_path, test)
