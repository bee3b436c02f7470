"""The texts of the codes M293 and M294: rbac.istio.io and authentication.istio.io.

Place:  [check/pages_legacy] → check/pages
"""

LEGACY: tuple[tuple[str, str, str, str], ...] = (
    (
        "M2930",
        "error",
        "name of what is for the mesh",
        "There is one RbacConfig, one ClusterRbacConfig and one MeshPolicy; it is called `default`.",
    ),
    (
        "M2931",
        "warning",
        "list of another mode",
        "`inclusion` counts with `ON_WITH_INCLUSION` only, `exclusion` with `ON_WITH_EXCLUSION` only.",
    ),
    (
        "M2932",
        "error",
        "both a list and its negation",
        "Of `paths` and `notPaths`, `names` and `notNames` and their like one is written, as in Istio 1.4.",
    ),
    (
        "M2933",
        "error",
        "subject of a ServiceRoleBinding",
        (
            "A subject says who it is. Among `names` stand identities, prefixes and suffixes of them, `allUsers` or\n"
            "`allAuthenticatedUsers`; `*` does not say which of the two is meant."
        ),
    ),
    (
        "M2934",
        "error",
        "reference to a role",
        "`roleRef` names a ServiceRole: `{kind: ServiceRole, name: …}`.",
    ),
    (
        "M2935",
        "warning",
        "this allows nobody",
        (
            "Something in a rule or a subject cannot be told: an attribute that is not known, a method of gRPC among\n"
            "`methods`, braces in a path. Istio 1.4 passed over some of these and allowed more than is written.\n"
            "Here a rule or a subject with such a statement allows nobody."
        ),
    ),
    (
        "M2936",
        "warning",
        "role is not there",
        (
            "A ServiceRoleBinding names a role that is not in its namespace (with `/` before the name, in the root\n"
            "namespace): nobody is allowed anything by it."
        ),
    ),
    (
        "M2937",
        "warning",
        "nobody asks for roles",
        (
            "ServiceRoles and their bindings count where a ClusterRbacConfig, or an RbacConfig in the root namespace,\n"
            "switches them on. Of several the ClusterRbacConfig is in force, else the one in the root namespace, else\n"
            "the oldest; the others have no effect."
        ),
    ),
    (
        "M2938",
        "info",
        "roles are replaced",
        (
            "Roles do not judge a workload for which an AuthorizationPolicy allows anything (as in Istio 1.4).\n"
            "Policies that refuse, note or ask a provider, and those that are only tried, leave the roles in force."
        ),
    ),
    (
        "M2939",
        "error",
        "targets of a Policy",
        (
            "A Policy with `targets` names services of its namespace by their short names. Without any it is for the\n"
            "whole namespace and is called `default`. A MeshPolicy has none."
        ),
    ),
    (
        "M2940",
        "error, or warning for several ways of mutual TLS",
        "who proves what",
        (
            "Under `peers` stands mutual TLS, once. Under `origins` stands each issuer once. Tokens of workloads\n"
            "(`peers` with `jwt`) never worked."
        ),
    ),
    (
        "M2941",
        "error for an empty match, else warning",
        "paths of a token",
        (
            "Where a token is asked for is told by `exact` and by `prefix`. By `suffix` and `regex` it cannot be\n"
            "told safely: such a path is never excluded, and what is included by one is every path."
        ),
    ),
    (
        "M2942",
        "warning",
        "target is not there",
        "A Policy names a service, or a port of one, that its namespace does not have: it has no effect there.",
    ),
    (
        "M2943",
        "info",
        "both forms ask for mutual TLS",
        (
            "A Policy or MeshPolicy and a PeerAuthentication speak for the same workloads. Mutual TLS is demanded\n"
            "where either demands it."
        ),
    ),
)
"""Code, severity, name, text."""
