"""Rules for single values: durations, shares, numbers, regular expressions, protocols.

Place:  [check/values] → all of check
Source: Istio, pkg/config/validation.
"""

from collections.abc import Iterator
from typing import Any

import re2 as _re2  # pyright: ignore[reportMissingTypeStubs]  # the package has none

from meltemi.core.check.report import at, error
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.common import Percent, StringMatch
from meltemi.core.model.units import Seconds

re2: Any = _re2

MAX_REGEX = 1024
"""Characters; longer ones may exceed Envoy's limit on programs."""

HTTP_PROTOCOLS = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY", "HBONE"})
TLS_PROTOCOLS = frozenset({"HTTPS", "TLS"})
TCP_PROTOCOLS = frozenset({"TCP", "MONGO", "REDIS", "MYSQL"}) | TLS_PROTOCOLS
PROTOCOLS = HTTP_PROTOCOLS | TCP_PROTOCOLS | {"UDP"}


def check_duration(value: Seconds | None, path: Path) -> Iterator[Finding]:
    """At least a millisecond, and whole ones; None is sound."""
    if value is None:
        return
    if value < 0.001:
        yield error("M2004", path, "the duration is shorter than 1ms")
    elif not _whole_milliseconds(value):
        yield error("M2004", path, "the duration is not in whole milliseconds")


def check_duration_or_zero(value: Seconds | None, path: Path) -> Iterator[Finding]:
    """As `check_duration`; 0, which turns a limit off, is sound too."""
    if value:
        yield from check_duration(value, path)


def _whole_milliseconds(value: Seconds) -> bool:
    return round(value * 1e9) % 1_000_000 == 0


def check_percent(value: int | None, path: Path) -> Iterator[Finding]:
    """A whole percentage."""
    if value is not None and not 0 <= value <= 100:
        yield error("M2005", path, f"{value} is no percentage", "write 0 to 100")


def check_share(percent: Percent | None, path: Path) -> Iterator[Finding]:
    """A percentage with fractions, of which Envoy keeps four decimal places."""
    if percent is None:
        return
    value = percent.value
    if not 0 <= value <= 100:
        yield error("M2005", path, f"{value:g} is no percentage", "write 0.0 to 100.0")
    elif 0 < value < 0.0001:
        yield error("M2005", path, f"{value:g} is smaller than the smallest share, 0.0001")


def check_not_negative(value: float | None, path: Path) -> Iterator[Finding]:
    """0 or more; None is sound."""
    if value is not None and value < 0:
        yield error("M2014", path, f"{value:g} is negative")


def check_protocol(name: str, path: Path, *, may_be_empty: bool = False) -> Iterator[Finding]:
    """A protocol that a port can have, in letters of any case."""
    if name.upper() not in PROTOCOLS and not (may_be_empty and not name):
        known = ", ".join(sorted(PROTOCOLS - {"HBONE", "UDP", "HTTP_PROXY"}))
        yield error(
            "M2011", path, f"unknown protocol {name!r}" if name else "the protocol is missing", f"known: {known}"
        )


def check_regex(text: str, path: Path) -> Iterator[Finding]:
    """A regular expression that Envoy takes."""
    if len(text) > MAX_REGEX:
        yield error(
            "M2006", path, f"the regular expression has {len(text)} characters, at most {MAX_REGEX} are allowed"
        )
        return
    fault = regex_fault(text)
    if fault:
        yield error(
            "M2006", path, f"no regular expression of RE2: {fault}", "see https://github.com/google/re2/wiki/Syntax"
        )


def regex_fault(text: str) -> str:
    """Why RE2 refuses an expression, or ""."""
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(text, options=options)
    except re2.error as e:
        reason: object = next(iter(e.args), e)
        return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    return ""


def check_match(match: StringMatch | None, path: Path, *, empty_prefix: bool = False) -> Iterator[Finding]:
    """A text match whose prefix or expression is not empty (`empty_prefix`: an empty prefix matches everything)."""
    if match is None:
        return
    if match.prefix == "" and not empty_prefix:
        yield error("M2007", at(path, "prefix"), "the prefix is empty", "write a prefix, or leave the match out")
    if match.regex == "":
        yield error("M2007", at(path, "regex"), "the regular expression is empty", "write one, or leave the match out")
    elif match.regex is not None:
        yield from check_regex(match.regex, at(path, "regex"))


def regex_found(pattern: str, text: str) -> bool:
    """Whether a sound RE2 expression is found anywhere in a text."""
    return re2.search(pattern, text) is not None
