"""What fields of rbac.istio.io and authentication.istio.io mean, where the model has no text.

Place:  apps/reference · [texts_legacy] → kind_page
"""

_ASKED = ("hosts", "paths", "methods", "ports")
_ASKING = ("names", "groups", "namespaces", "ips")

TEXTS: dict[tuple[str, str], str] = {
    ("RbacConfig", "mode"): "Where roles are asked for",
    ("RbacTarget", "namespaces"): "All services of these",
    ("Constraint", "key"): "Name of the attribute",
    ("Constraint", "values"): "One of these",
    ("AccessRule", "hosts"): "Hosts that requests name, without regard to case",
    ("AccessRule", "methods"): "Methods of HTTP; POST for gRPC",
    **{("AccessRule", f"not_{name}"): f"None of these; values as in `{name}`" for name in _ASKED},
    **{("Subject", f"not_{name}"): f"None of these; values as in `{name}`" for name in _ASKING},
    ("Subject", "namespaces"): "Namespaces of identities, from certificates",
    ("ServiceRoleBinding", "role_ref"): "The role that is given",
    ("ServiceRoleBinding", "mode"): "Whether the binding is only tried",
    ("MutualTls", "mode"): "STRICT: callers must come by mutual TLS",
    ("PathMatch", "exact"): "The whole path",
    ("PathMatch", "prefix"): "How the path begins",
    ("PathMatch", "suffix"): "Cannot be told here: the token is asked for (M2941)",
    ("PathMatch", "regex"): "Cannot be told here: the token is asked for (M2941)",
    ("Jwt", "issuer"): "The token's `iss`",
    ("PeerAuthenticationMethod", "mtls"): "Mutual TLS",
    ("OriginAuthenticationMethod", "jwt"): "A token of one issuer",
    ("TargetPort", "number"): "Number of the service's port",
    ("TargetPort", "name"): "Name of the service's port",
    ("TargetSelector", "labels"): "Never selected anything",
}
