"""The catalogue of kinds answers to every name that users and URLs have for a kind."""

import pytest

from meltemi.core.model.kinds import KINDS, KindRole, kind_by_plural, kind_named, kind_of, kind_or_unknown


@pytest.mark.parametrize("name", ["vs", "VirtualService", "virtualservices", "virtualservice.networking.istio.io"])
def test_a_kind_has_many_names(name: str):
    kind = kind_named(name)
    assert kind is not None
    assert kind.plural == "virtualservices"


def test_a_bare_name_means_the_kind_with_effect():
    kind = kind_named("gateway")
    assert kind is not None
    assert kind.group == "networking.istio.io"


def test_a_group_tells_two_kinds_apart():
    kind = kind_by_plural("gateway.networking.k8s.io", "gateways")
    assert kind is not None
    assert kind.role is KindRole.LATER


def test_an_old_group_leads_to_the_kind_of_today():
    kind = kind_of("extensions", "Deployment")
    assert kind is not None
    assert kind.api_version == "apps/v1"


def test_an_unknown_kind_gets_a_plural():
    assert kind_or_unknown("example.com", "Policy", "v1").plural == "policies"


def test_no_two_kinds_share_a_name_or_a_url():
    assert len({(kind.group, kind.kind) for kind in KINDS}) == len(KINDS)
    assert len({(kind.group, kind.plural) for kind in KINDS}) == len(KINDS)
