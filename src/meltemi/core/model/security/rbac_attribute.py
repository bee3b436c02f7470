"""The attributes that roles and their subjects may ask for.

Place:  model/security → check/rbac, legacy/rbac
Source: Istio 1.4, "Authorization Policy Constraints and Properties"
"""

from enum import Enum

from meltemi.core.model.security.attribute import Attribute, Named, named
from meltemi.core.model.value import Value

ALL_USERS, ALL_AUTHENTICATED = "allUsers", "allAuthenticatedUsers"
"""Among `names`: everybody; everybody with a certificate."""
GROUPS, ISSUER = "request.auth.claims[groups]", "request.auth.claims[iss]"
SOURCE_USER = "source.user"
"""An older name of `source.principal`."""


class Destination(Enum):
    """What does not change while the workload runs; the value is the attribute's name."""

    NAME = "destination.name"
    NAMESPACE = "destination.namespace"
    USER = "destination.user"
    LABEL = "destination.labels["


class Standing(Value, frozen=True, kw_only=True):
    """An attribute of the workload."""

    attribute: Destination
    label: str = ""


_CONSTRAINTS = frozenset(
    {Attribute.DESTINATION_IP, Attribute.PORT, Attribute.HEADER, Attribute.SERVER_NAME, Attribute.METADATA}
)
_PROPERTIES = frozenset(
    {
        Attribute.SOURCE_IP,
        Attribute.NAMESPACE,
        Attribute.PRINCIPAL,
        Attribute.HEADER,
        Attribute.REQUEST_PRINCIPAL,
        Attribute.AUDIENCES,
        Attribute.PRESENTER,
        Attribute.CLAIM,
    }
)


def constraint(key: str) -> Named | Standing | None:
    """What the key of a constraint means; None for what is not known."""
    for attribute in Destination:
        if attribute is not Destination.LABEL and key == attribute.value:
            return Standing(attribute=attribute)
    label = key.removeprefix(Destination.LABEL.value).removesuffix("]")
    if key.startswith(Destination.LABEL.value) and key.endswith("]") and label:
        return Standing(attribute=Destination.LABEL, label=label)
    found = named(key)
    return found if found and found.attribute in _CONSTRAINTS else None


def subject_property(key: str) -> Named | None:
    """What the name of a property means; None for what is not known."""
    found = Named(attribute=Attribute.PRINCIPAL) if key == SOURCE_USER else named(key)
    return found if found and found.attribute in _PROPERTIES else None
