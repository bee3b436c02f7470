"""Rules for the conditions of an AuthorizationPolicy.

Place:  model/security → [check/attributes] → check/{authorization_policy,rbac}
Source: Istio, "Authorization Policy Conditions", and pkg/config/security, ValidateAttribute
"""

import re
from collections.abc import Iterator

from meltemi.core.check.names import check_subnet
from meltemi.core.check.patterns import check_account, check_length, check_pattern, check_port_text
from meltemi.core.check.possible import check_possible
from meltemi.core.check.report import at, error, required
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.security.attribute import Attribute, Named, named
from meltemi.core.model.security.authorization_policy import Condition

_NAME = re.compile(r":?[A-Za-z0-9!#$%&'*+\-.^_`|~]+\Z")
"""A header, or what HTTP/2 has for the first line. Source: RFC 9110, 5.6.2; RFC 9113, 8.3.1."""
_POSSIBLE = {Attribute.PRINCIPAL: "principals", Attribute.NAMESPACE: "namespaces"}
_ADDRESSES = (Attribute.SOURCE_IP, Attribute.REMOTE_IP, Attribute.DESTINATION_IP)


def check_condition(condition: Condition, path: Path) -> Iterator[Finding]:
    """A known attribute, and values that it can have."""
    if not condition.key:
        yield required(path, "key", "name an attribute, for example 'source.namespace'")
        return
    found = named(condition.key)
    if found is None:
        known = ", ".join(one.value + "…]" * one.value.endswith("[") for one in Attribute)
        yield error("M2909", at(path, "key"), f"{condition.key!r} is no attribute", f"known: {known}")
        return
    if found.attribute is Attribute.HEADER and not _NAME.match(found.keys[0]):
        tip = "letters, digits and '-'"
        yield error("M2918", at(path, "key"), f"{found.keys[0]!r} is no name of a header: no request has it", tip)
    if not condition.values and not condition.not_values:
        yield error("M2905", path, "the condition has no values", "add 'values: […]' or 'notValues: […]'")
    for name, values in (("values", condition.values), ("notValues", condition.not_values)):
        for i, value in enumerate(values):
            yield from check_attribute_value(found, value, at(path, name, i))


def check_attribute_value(found: Named, value: str, path: Path) -> Iterator[Finding]:
    """A value that the attribute can have."""
    if found.attribute in _ADDRESSES:
        yield from check_subnet(value, path)
        yield from check_possible("addresses", value, path)
    elif found.attribute is Attribute.PORT:
        yield from check_port_text(value, path)
    elif found.attribute is Attribute.ACCOUNT:
        yield from check_length(value, path)
        yield from check_account(value, path)
    else:
        yield from check_pattern(value, path)
        yield from check_possible(_POSSIBLE.get(found.attribute, ""), value, path)
