"""Roles become rules; what cannot be told allows nobody."""

from typing import Any

import pytest

from meltemi.core.legacy.rbac import OTHERS, Door, Host, Judged, is_on, open_rule, rules
from meltemi.core.model.security.authorization_policy import Rule
from meltemi.core.model.security.rbac import AccessRule, Constraint, RbacConfig, RbacMode, RbacTarget, Subject

SHOP, BANK = (Host(name=f"{name}.shop.svc.cluster.local", namespace="shop") for name in ("shop", "bank"))
BOTH = (SHOP, BANK)


def judged(*doors: Door) -> Judged:
    return Judged(namespace="shop", labels=(("version", "v1"),), identities=("cart",), doors=doors)


ONE = judged(Door(port=80, hosts=(SHOP,)), Door(port=OTHERS, hosts=(SHOP,)))
TWO = judged(Door(port=80, hosts=(SHOP,)), Door(port=81, hosts=(BANK,)), Door(port=OTHERS, hosts=BOTH))
EVERYBODY = Subject(user="*")


def made(rule: AccessRule, subject: Subject = EVERYBODY, of: Judged = ONE, namespace: str = "shop") -> tuple[Rule, ...]:
    return tuple(rules(rule, subject, of, namespace))


def asked_ports(rule: Rule) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(one.values, one.not_values) for one in rule.when if one.key == "destination.port"]


def test_all_services_are_all_ports() -> None:
    assert made(AccessRule(services=("*",)), of=TWO) == (Rule(),)


def test_one_service_of_two_is_its_port_alone() -> None:
    (rule,) = made(AccessRule(services=(SHOP.name,)), of=TWO)
    assert asked_ports(rule) == [(("80",), ())]


def test_the_only_service_is_also_what_no_service_names() -> None:
    assert made(AccessRule(services=(SHOP.name,))) == (Rule(),)


def test_a_role_is_for_services_of_its_namespace() -> None:
    assert made(AccessRule(services=("*",)), namespace="other") == ()


def test_ports_without_roles_are_open_and_no_others() -> None:
    mixed = judged(Door(port=80, hosts=(SHOP,)), Door(port=81, hosts=(BANK,), on=False), Door(port=OTHERS, hosts=BOTH))
    rule = open_rule(mixed)
    assert rule is not None
    assert asked_ports(rule) == [(("81",), ())]
    assert open_rule(TWO) is None


def test_the_principal_of_a_request_is_the_callers_where_a_policy_says_so() -> None:
    mixed = judged(Door(port=80, hosts=(SHOP,), by_peer=True), Door(port=OTHERS, hosts=(SHOP,)))
    subject = Subject(properties=(("request.auth.principal", "x"),))
    by_token, by_peer = made(AccessRule(services=("*",)), subject, mixed)
    assert by_token.when[0].key == "request.auth.principal"
    assert asked_ports(by_token) == [((), ("80",))]
    assert by_peer.when[0].key == "source.principal"
    assert asked_ports(by_peer) == [(("80",), ())]


UNTOLD: list[tuple[dict[str, Any], Subject]] = [
    ({"paths": ("/a/{*}",)}, EVERYBODY),
    ({"not_paths": ("/{**}",)}, EVERYBODY),
    ({"methods": ("shop.Cart/Add",)}, EVERYBODY),
    ({"constraints": (Constraint(key="destination.lables[x]", values=("*",)),)}, EVERYBODY),
    ({"constraints": (Constraint(key="source.principal", values=("*",)),)}, EVERYBODY),
    ({"constraints": (Constraint(key="destination.labels[version]", values=("v2",)),)}, EVERYBODY),
    ({"constraints": (Constraint(key="destination.labels[absent]", values=("*",)),)}, EVERYBODY),
    ({"constraints": (Constraint(key="destination.user", values=("other",)),)}, EVERYBODY),
    ({}, Subject()),
    ({}, Subject(not_names=("allUsers",))),
    ({}, Subject(user="*", properties=(("source.nmaespace", "*"),))),
    ({}, Subject(user="*", properties=(("destination.ip", "10.0.0.1"),))),
]


@pytest.mark.parametrize(("rule", "subject"), UNTOLD)
def test_what_cannot_be_told_or_never_holds_allows_nobody(rule: dict[str, Any], subject: Subject) -> None:
    assert made(AccessRule(services=("*",), **rule), subject) == ()


def test_who_is_named_twice_must_be_both() -> None:
    (rule,) = made(AccessRule(services=("*",)), Subject(user="a", names=("b",), group="g", groups=("h",)))
    assert rule.from_ is not None
    assert rule.from_[0].source is not None
    assert rule.from_[0].source.principals == ("b",)
    assert [(one.key, one.values) for one in rule.when] == [
        ("source.principal", ("a",)),
        ("request.auth.claims[groups]", ("g",)),
        ("request.auth.claims[groups]", ("h",)),
    ]


def test_all_users_and_all_with_a_certificate() -> None:
    (everybody,) = made(AccessRule(services=("*",)), Subject(names=("allUsers",)))
    (known,) = made(AccessRule(services=("*",)), Subject(names=("allAuthenticatedUsers",)))
    assert everybody.from_ is None
    assert known.from_ is not None
    assert known.from_[0].source is not None
    assert known.from_[0].source.principals == ("*",)


IN, OUT = RbacMode.ON_WITH_INCLUSION, RbacMode.ON_WITH_EXCLUSION
SERVICES, SPACE = RbacTarget(services=("a.b",)), RbacTarget(namespaces=("b",))


@pytest.mark.parametrize(
    ("config", "name", "on"),
    [
        (RbacConfig(), "a.b", False),
        (RbacConfig(mode=RbacMode.ON), "a.b", True),
        (RbacConfig(mode=IN, inclusion=SERVICES), "a.b", True),
        (RbacConfig(mode=IN, inclusion=SERVICES), "c.b", False),
        (RbacConfig(mode=IN, inclusion=SPACE), "c.b", True),
        (RbacConfig(mode=IN, exclusion=SPACE), "c.b", False),
        (RbacConfig(mode=OUT, exclusion=SERVICES), "a.b", False),
        (RbacConfig(mode=OUT, exclusion=SERVICES), "c.b", True),
        (RbacConfig(mode=OUT, exclusion=SPACE), "c.b", False),
        (RbacConfig(mode=OUT, inclusion=SPACE), "c.b", True),
    ],
)
def test_where_roles_are_asked_for(config: RbacConfig, name: str, on: bool) -> None:
    assert is_on(config, name, "b") is on
