"""Rules for the values that policies compare with.

Place:  [check/patterns] → check/{attributes,authorization_policy}
Source: Istio, "Authorization Policy": exact, prefix, suffix and presence match
"""

from collections.abc import Iterator

from meltemi.core.check.report import error, warning
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding

MOST_CHARACTERS = 4096
"""Envoy refuses a regular expression of 32768 instructions, and with it all policies of the workload."""


def check_pattern(value: str, path: Path) -> Iterator[Finding]:
    """A value that is exact, a prefix, a suffix or `*`."""
    yield from check_length(value, path)
    if not value:
        yield error("M2905", path, "an empty value matches nothing", "remove it")
    elif "*" in value[1:-1] or (len(value) > 1 and value.startswith("*") and value.endswith("*")):
        message = f"'*' stands in {value!r} where it is taken literally"
        yield warning("M2907", path, message, "it has a meaning as the first or as the last character only")


def check_length(value: str, path: Path) -> Iterator[Finding]:
    """What can be compared at all."""
    if len(value) > MOST_CHARACTERS:
        yield error("M2918", path, f"{len(value)} characters, and at most {MOST_CHARACTERS} are compared")


def check_port_text(value: str, path: Path) -> Iterator[Finding]:
    """A port, in decimals."""
    if not (value.isascii() and value.isdecimal() and 1 <= int(value[:6]) <= 65535):
        yield error("M2003", path, f"{value!r} is no port", "ports are 1 to 65535")


def check_account(account: str, path: Path) -> Iterator[Finding]:
    """`NAMESPACE/ACCOUNT` or `ACCOUNT`, in full."""
    parts = account.split("/")
    if "*" in account:
        yield error("M2906", path, f"'*' has no meaning in {account!r}", "name each account, or write 'principals'")
    elif len(parts) > 2 or not all(parts):
        yield error("M2906", path, f"{account!r} is no account", "write 'NAMESPACE/ACCOUNT' or 'ACCOUNT'")
