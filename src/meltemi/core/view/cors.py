"""Cross-origin resource sharing.

Place:  model/traffic CorsPolicy → [view/cors] → envoy/cors
"""

from meltemi.core.model.traffic.common import StringMatch
from meltemi.core.model.traffic.virtual_service import CorsPolicy, UnmatchedPreflights
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.core.view.match import Text, text


class Cors(Value, frozen=True, kw_only=True):
    """A settled policy."""

    origins: tuple[Text, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    expose: tuple[str, ...] = ()
    max_age: Seconds | None = None
    credentials: bool | None = None
    forward_unmatched: bool = True
    """Preflights from other origins reach the destination. Source: Istio, field `unmatchedPreflights`."""


def effective_cors(written: CorsPolicy | None) -> Cors | None:
    """Settle one policy; `allowOrigin`, the old form, means exact origins (and `*` any)."""
    if written is None:
        return None
    old = tuple(StringMatch(regex=".*") if o == "*" else StringMatch(exact=o) for o in written.allow_origin)
    return Cors(
        origins=tuple(text(m) for m in (written.allow_origins or old)),
        methods=written.allow_methods,
        headers=written.allow_headers,
        expose=written.expose_headers,
        max_age=written.max_age,
        credentials=written.allow_credentials,
        forward_unmatched=written.unmatched_preflights is not UnmatchedPreflights.IGNORE,
    )
