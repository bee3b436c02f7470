"""Write a settled CORS policy as the per-route configuration of Envoy's cors filter.

Place:  view/cors → [envoy/cors] → envoy/route
"""

from meltemi.core.envoy import pb
from meltemi.core.envoy.match import string_matcher
from meltemi.core.view.cors import Cors

FILTER = "envoy.filters.http.cors"
"""Name of the filter in the connection manager's chain."""


def cors_policy(cors: Cors) -> pb.CorsPolicy:
    """Translate field by field."""
    policy = pb.CorsPolicy(
        allow_origin_string_match=[string_matcher(o) for o in cors.origins],
        allow_methods=",".join(cors.methods),
        allow_headers=",".join(cors.headers),
        expose_headers=",".join(cors.expose),
        filter_enabled=pb.RuntimeFractionalPercent(default_value=pb.FractionalPercent(numerator=100)),
    )
    policy.forward_not_matching_preflights.value = cors.forward_unmatched
    if cors.max_age is not None:
        policy.max_age = str(round(cors.max_age))
    if cors.credentials is not None:
        policy.allow_credentials.value = cors.credentials
    return policy
