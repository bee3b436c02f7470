"""Rules for paths with `{*}` and `{**}`.

Place:  [check/path_templates] → check/authorization_policy
Source: Istio, pkg/config/security, CheckValidPathTemplate; Envoy, URI template path matching
"""

import re
from collections.abc import Iterator

from meltemi.core.check.report import error
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.security.attribute import ONE_SEGMENT, SEGMENTS, is_template

_LITERAL = re.compile(r"[A-Za-z0-9\-._~%!$&'()+,;=:@]+\Z")
"""Source: RFC 3986, appendix A, pchar."""
MOST_CHARACTERS = 256
"""Envoy refuses longer ones, and with them all policies of the workload."""


def check_path(path: str, place: Path) -> Iterator[Finding]:
    """Each segment is a literal or an operator; nothing but literals follows `{**}`."""
    if not ({"{", "}"} & set(path)):
        return
    if is_template(path):
        yield from _check_whole(path, place)
    seen = False
    for segment in path.strip("/").split("/"):
        if segment in (ONE_SEGMENT, SEGMENTS):
            if seen:
                tip = "end with it, or write literals behind it"
                yield error("M2910", place, f"{segment!r} follows {SEGMENTS!r} in {path!r}", tip)
            seen = segment == SEGMENTS
        elif {"{", "}"} & set(segment):
            tip = f"a segment is {ONE_SEGMENT!r}, {SEGMENTS!r} or has no braces"
            yield error("M2910", place, f"{segment!r} in {path!r} is no segment of a template", tip)
        elif is_template(path) and not _LITERAL.match(segment):
            yield error("M2910", place, f"{segment!r} in {path!r} cannot stand in a template", "no '*', no spaces")


def _check_whole(path: str, place: Path) -> Iterator[Finding]:
    """Envoy 1.40 does not survive a template that begins otherwise than with one slash."""
    if not path.startswith("/") or path.startswith("//"):
        yield error("M2910", place, f"{path!r} does not begin with one '/'", "as every path does")
    if len(path) > MOST_CHARACTERS:
        yield error("M2910", place, f"{len(path)} characters, and a template has at most {MOST_CHARACTERS}")
