"""Paths of triggers become regions, each judged as a whole."""

import pytest

from meltemi.core.legacy.authentication import demanded, origins
from meltemi.core.model.security.authentication import (
    Jwt,
    MutualTls,
    MutualTlsMode,
    OriginAuthenticationMethod,
    PathMatch,
    PeerAuthenticationMethod,
    Policy,
    TriggerRule,
)
from meltemi.core.model.security.origins import Origins

FREE, ADMIN, OPEN = PathMatch(exact="/admin/free"), PathMatch(prefix="/admin"), PathMatch(prefix="/admin/open/")


def asked(found: Origins | None, path: str) -> tuple[int, ...]:
    """What Envoy would ask for at a path: the first region that fits."""
    assert found is not None
    return next(r.rules for r in found.regions if (path == r.path if r.exact else path.startswith(r.path)))


def policy(*issuers: tuple[TriggerRule, ...]) -> Policy:
    every = (OriginAuthenticationMethod(jwt=Jwt(issuer=str(i), trigger_rules=t)) for i, t in enumerate(issuers))
    return Policy(origins=tuple(every))


def test_every_path_is_judged_by_all_that_is_written_of_it() -> None:
    admin = (TriggerRule(included_paths=(ADMIN,), excluded_paths=(FREE, OPEN)),)
    found = origins(policy(admin, (TriggerRule(excluded_paths=(ADMIN,)), TriggerRule(included_paths=(FREE,)))))
    for path, wanted in (
        ("/", (1,)),
        ("/admin", (0,)),
        ("/admin/x", (0,)),
        ("/admin/free", (1,)),
        ("/admin/freer", (0,)),
        ("/admin/open/x", ()),
    ):
        assert asked(found, path) == wanted, path


@pytest.mark.parametrize("match", [PathMatch(suffix=".html"), PathMatch(regex=".*")])
def test_what_cannot_be_told_asks_for_more(match: PathMatch) -> None:
    for rule in (TriggerRule(excluded_paths=(match,)), TriggerRule(included_paths=(match,))):
        assert asked(origins(policy((rule,))), "/a") == (0,)


def test_nothing_is_asked_for_without_issuers() -> None:
    assert origins(Policy()) is None


@pytest.mark.parametrize(
    ("peers", "optional", "mode"),
    [
        ((), False, "PERMISSIVE"),
        ((None,), False, "STRICT"),
        ((MutualTls(),), False, "STRICT"),
        ((MutualTls(mode=MutualTlsMode.PERMISSIVE),), False, "PERMISSIVE"),
        ((MutualTls(allow_tls=True),), False, "PERMISSIVE"),
        ((MutualTls(mode=MutualTlsMode.PERMISSIVE), MutualTls()), False, "STRICT"),
        ((MutualTls(),), True, "PERMISSIVE"),
    ],
)
def test_what_peers_come_to(peers: tuple[MutualTls | None, ...], optional: bool, mode: str) -> None:
    methods = tuple(PeerAuthenticationMethod(mtls=one) for one in peers)
    assert demanded(Policy(peers=methods, peer_is_optional=optional)) == mode
