"""Write what is hashed of a request as Envoy's hash policy.

Place:  view/hashing → [envoy/hashing] → envoy/route
"""

from meltemi.core.envoy import pb
from meltemi.core.view.hashing import Hash


def hash_policy(settled: Hash) -> pb.HashPolicy:
    """Translate field by field."""
    policy = pb.HashPolicy()
    if settled.header:
        policy.header.header_name = settled.header
    elif settled.cookie:
        _write_cookie(settled, policy.cookie)
    elif settled.query:
        policy.query_parameter.name = settled.query
    else:
        policy.connection_properties.source_ip = settled.source_ip
    return policy


def _write_cookie(settled: Hash, cookie: "pb.HashPolicy.Cookie") -> None:
    cookie.name = settled.cookie
    cookie.path = settled.cookie_path
    if settled.cookie_ttl is not None:
        cookie.ttl.CopyFrom(pb.duration(settled.cookie_ttl))
    for name, value in settled.cookie_attributes:
        cookie.attributes.add(name=name, value=value)
