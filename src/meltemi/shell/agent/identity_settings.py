"""What the agent is told about keys and certificates.

Place:  shell/agent · environment → [identity_settings] → keys, certificates
Source: Istio's names of variables (pilot-agent); a pod sets them by `proxyMetadata` of its ProxyConfig
"""

from collections.abc import Mapping
from dataclasses import dataclass

TOKEN = "/var/run/secrets/tokens/istio-token"  # noqa: S105  (where it is, not what)
CURVES = {"P256": 256, "P384": 384}
RSA_BITS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """Which key, and where its certificate comes from."""

    token: str = TOKEN
    """File with the service-account token."""
    curve: int = 256
    """Bits of the elliptic curve; 0: RSA."""
    rsa_bits: int = RSA_BITS
    life: int = 0
    """Seconds that are asked for; 0: as the mesh says."""
    renew_at: float | None = None
    """Part of its life after which a certificate is renewed; None: the mesh's rule."""
    jitter: float | None = None
    """How much earlier or later, at most."""


def read_identity(env: Mapping[str, str], lasts: float | None = None) -> IdentitySettings:
    """Settings from the environment; `lasts`: SECRET_TTL in seconds. Raises ValueError."""
    curve, bits = _key(env)
    grace, jitter = env.get("SECRET_GRACE_PERIOD_RATIO"), env.get("SECRET_GRACE_PERIOD_RATIO_JITTER")
    return IdentitySettings(
        token=env.get("MELTEMI_TOKEN", TOKEN),
        curve=curve,
        rsa_bits=bits,
        life=round(lasts or 0),
        renew_at=None if grace is None else 1 - _part("SECRET_GRACE_PERIOD_RATIO", grace),
        jitter=None if jitter is None else _part("SECRET_GRACE_PERIOD_RATIO_JITTER", jitter),
    )


def _key(env: Mapping[str, str]) -> tuple[int, int]:
    """Curve and RSA bits. Without a word it is P-256, where Istio's agent makes RSA keys."""
    algorithm, bits = env.get("ECC_SIGNATURE_ALGORITHM"), env.get("WORKLOAD_RSA_KEY_SIZE")
    if algorithm == "ECDSA" or (algorithm is None and bits is None):
        curve = env.get("ECC_CURVE") or "P256"
        if curve not in CURVES:
            raise ValueError(f"ECC_CURVE '{curve}' is none of {', '.join(CURVES)}")
        return CURVES[curve], RSA_BITS
    if algorithm not in (None, "", "RSA"):
        raise ValueError(f"ECC_SIGNATURE_ALGORITHM '{algorithm}' is neither 'ECDSA' nor empty (RSA)")
    size = int(bits or RSA_BITS)
    if not RSA_BITS <= size <= 8192:
        raise ValueError(f"WORKLOAD_RSA_KEY_SIZE {size} is not between {RSA_BITS} and 8192")
    return 0, size


def _part(name: str, text: str) -> float:
    part = float(text)
    if not 0 <= part <= 1:
        raise ValueError(f"{name} {text} is not between 0 and 1")
    return part
