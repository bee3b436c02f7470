"""Certificates: signing requests a second, from the bare signature to the whole call over a pod's socket.

Place:  bench · cryptography; core/identity; servers/ca over gRPC, with callers in a process of their own
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc.aio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from meltemi.core.identity.authority import Authority
from meltemi.core.identity.certificate import sign
from meltemi.core.identity.csr import Caller, Leaf, Policy, decide
from meltemi.core.identity.token import AUDIENCE, Bound, Claims, Named, subject
from meltemi.core.model.document import Key
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.units import Seconds
from meltemi.shell.authorities import Authorities
from meltemi.shell.identity_wire import AUTHORIZATION, BEARER, CERTIFICATES, CREATE, CertificateRequest, encode_request
from meltemi.shell.issuer import Issuer, open_issuer
from meltemi.shell.keys.files import FileKeys
from meltemi.shell.servers.ca.directory import StoreDirectory
from meltemi.shell.servers.ca.service import AuthorityService
from meltemi.shell.servers.xds.server import XdsServer
from meltemi.shell.stores.sqlite import SqliteStore

HEAD = ("what", "a second", "p50 (ms)", "p99 (ms)")
ROUNDS = 2000
AT_ONCE = 8
"""Calls that are under way at a time, over as many connections."""
NAMESPACE, NAME = "shop", "cart"
CALLER = Caller(namespace=NAMESPACE, service_account=NAME, workload=NAME)


def measure() -> list[tuple[object, ...]]:
    """One row for each thing, in one run."""
    return asyncio.run(_measure())


async def _measure() -> list[tuple[object, ...]]:
    with tempfile.TemporaryDirectory() as folder, SqliteStore(Path(folder) / "store.db") as store:
        keys = FileKeys(Path(folder) / "ca")
        authorities = Authorities(keys, now=_now)
        await authorities.open("cluster.local")
        issuer = await open_issuer(keys, domain="cluster.local", now=_now)
        request, signer = _csr(), authorities.signer
        raw = x509.load_pem_x509_csr(request)
        return [
            _row("a certificate signed by `cryptography` alone", _each(lambda: _raw(raw, signer))),
            _row("a request decided and signed (`core/identity`)", _each(lambda: _decided(request, signer))),
            *[
                _row(f"a call over a pod's socket, {count} at a time", await _called(store, authorities, issuer, count))
                for count in (1, AT_ONCE)
            ],
        ]


def _each(work: Callable[[], object]) -> tuple[float, list[float]]:
    """Seconds in all, and of each."""
    spent: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return sum(spent), spent


def _row(what: str, measured: tuple[float, list[float]]) -> tuple[object, ...]:
    total, spent = measured
    ordered = sorted(spent)
    return (what, round(len(spent) / total), *(f"{ordered[int(len(spent) * part)] * 1000:.2f}" for part in (0.5, 0.99)))


def _raw(csr: x509.CertificateSigningRequest, signer: Authority) -> bytes:
    """A leaf of the same names, without looking at the request and without its other extensions."""
    now = _now()
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier("spiffe://cluster.local/ns/shop/sa/cart")]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(signer.certificate.subject)
        .public_key(csr.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=True)
    )
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _decided(request: bytes, signer: Authority) -> bytes:
    leaf = decide(request, CALLER, Policy(), asked=Seconds(0), now=_now())
    if not isinstance(leaf, Leaf):
        raise ValueError(leaf.message)
    return sign(leaf, signer, serial=x509.random_serial_number())


def _csr() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


async def _called(
    store: SqliteStore, authorities: Authorities, issuer: Issuer, count: int
) -> tuple[float, list[float]]:
    service = AuthorityService(
        authorities, check=issuer.check, directory=StoreDirectory(store), trust_domains=_domains, policy=_policy,
        now=_now,
    )  # fmt: skip
    server = XdsServer(_nobody, _nobody, beside=service.at_socket)
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "xds.sock"
        await server.open(socket, _proxy)
        try:
            return await _callers(socket, await _token(store, issuer), count)
        finally:
            await server.close_all()


async def _callers(socket: Path, token: str, count: int) -> tuple[float, list[float]]:
    command = [sys.executable, "-m", "bench.certificates", str(socket), token, str(count)]
    asking = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    out, _ = await asking.communicate()
    total, spent = json.loads(out)
    return total, spent


async def _token(store: SqliteStore, issuer: Issuer) -> str:
    uids: list[str] = []
    spec: dict[str, Any] = {"serviceAccountName": NAME, "containers": []}
    for kind in ("ServiceAccount", "Pod"):
        key = Key(group="", kind=kind, namespace=NAMESPACE, name=NAME)
        tree = {"metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": spec}
        stored = await store.put(key, json.dumps(tree).encode())
        uids.append(json.loads(stored.body)["metadata"]["uid"])
    now = int(_now().timestamp())
    account, pod = (Named(name=NAME, uid=uid) for uid in uids)
    claims = Claims(
        iss=issuer.name, sub=subject(NAMESPACE, NAME), aud=(AUDIENCE,), exp=now + 3600, iat=now, nbf=now,
        kubernetes=Bound(namespace=NAMESPACE, serviceaccount=account, pod=pod),
    )  # fmt: skip
    return issuer.token(claims)


async def _domains() -> frozenset[str]:
    return frozenset({"cluster.local"})


async def _policy() -> Policy:
    return Policy()


async def _nobody(*_: object) -> Any:
    raise NotImplementedError("nobody asks for configuration here")


def _proxy() -> Proxy:
    return Proxy(role=Role.SIDECAR, id=f"{NAME}.{NAMESPACE}", namespace=NAMESPACE)


def _now() -> datetime:
    return datetime.now(UTC)


async def call(socket: str, token: str, count: int) -> tuple[float, list[float]]:
    """The callers' process: seconds in all, and of each call."""
    message = encode_request(CertificateRequest(csr=_csr().decode()))
    said = ((AUTHORIZATION, BEARER + token),)
    spent: list[float] = []

    async def one() -> None:
        options = (("grpc.use_local_subchannel_pool", 1),)
        async with grpc.aio.insecure_channel(f"unix:{socket}", options) as channel:
            asking: Any = channel
            create: Any = asking.unary_unary(f"/{CERTIFICATES}/{CREATE}")
            await create(message, metadata=said)
            for _ in range(ROUNDS // count):
                start = time.perf_counter()
                await create(message, metadata=said)
                spent.append(time.perf_counter() - start)

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(one())
    return time.perf_counter() - begin, spent


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(call(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
