"""Rules for `http[].corsPolicy`.

Place:  model/traffic → [check/cors] → view/cors → envoy/cors
"""

from collections.abc import Iterator

from meltemi.core.check.headers import check_header_name
from meltemi.core.check.report import at, error
from meltemi.core.check.values import check_duration, check_regex
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.common import StringMatch
from meltemi.core.model.traffic.virtual_service import CorsPolicy

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"})


def check_cors(policy: CorsPolicy | None, path: Path) -> Iterator[Finding]:
    """Origins, methods, headers and age."""
    if policy is None:
        return
    for i, origin in enumerate(policy.allow_origins):
        yield from _check_origin(origin, at(path, "allowOrigins", i))
    for i, method in enumerate(policy.allow_methods):
        if method not in METHODS and method != "*":
            yield error(
                "M2113",
                at(path, "allowMethods", i),
                f"unknown method {method!r}",
                f"known: {', '.join(sorted(METHODS))}",
            )
    for word, names in (("allowHeaders", policy.allow_headers), ("exposeHeaders", policy.expose_headers)):
        for i, name in enumerate(names):
            if name != "*":
                yield from check_header_name(name, at(path, word, i))
    yield from check_duration(policy.max_age, at(path, "maxAge"))
    if policy.max_age is not None and policy.max_age % 1:
        yield error("M2113", at(path, "maxAge"), "the age is not in whole seconds")


def _check_origin(origin: StringMatch, path: Path) -> Iterator[Finding]:
    if not (origin.exact or origin.prefix or origin.regex):
        yield error("M2113", path, "the origin is empty", "write 'exact', 'prefix' or 'regex'")
    if origin.regex:
        yield from check_regex(origin.regex, at(path, "regex"))
