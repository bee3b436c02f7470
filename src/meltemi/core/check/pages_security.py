"""The texts of the codes M29: security.istio.io.

Place:  [check/pages_security] → check/pages
"""

SECURITY: tuple[tuple[str, str, str, str], ...] = (
    (
        "M2901",
        "error",
        "ports of a PeerAuthentication",
        "`portLevelMtls` names ports of the selected workloads by number: at least one, and with a selector.",
    ),
    (
        "M2902",
        "warning",
        "an older policy decides",
        (
            "Of several PeerAuthentications for the same mesh, namespace or workload the oldest is in force (as in\n"
            "Istio); this one has no effect there."
        ),
    ),
    (
        "M2903",
        "error",
        "action of an AuthorizationPolicy",
        (
            "DENY and CUSTOM without `rules` are for no request (`rules: [{}]` is for every one), and a `provider`\n"
            "is asked by CUSTOM only. ALLOW without rules is possible: it allows nobody."
        ),
    ),
    (
        "M2904",
        "error, or warning for AUDIT and CUSTOM",
        "dry run",
        (
            "The annotation `istio.io/dry-run` says whether a policy is only tried: `true` or `false`. What would be\n"
            "refused is counted and refused nowhere. AUDIT refuses nobody, so it takes effect all the same;\n"
            "a CUSTOM policy that is only tried has none."
        ),
    ),
    (
        "M2905",
        "error",
        "nothing is asked",
        (
            "A list that is written and empty, a source or an operation without any field, or an empty value. What\n"
            "it is to match is not clear, and a guess would let somebody in or shut somebody out."
        ),
    ),
    (
        "M2906",
        "error",
        "service accounts",
        (
            "`serviceAccounts` are `NAMESPACE/ACCOUNT`, or `ACCOUNT` in the policy's namespace: in full, at most 16,\n"
            "and not beside `principals` or `namespaces` of the same source."
        ),
    ),
    (
        "M2907",
        "warning",
        "'*' is taken literally",
        (
            "`*` alone is any value, at the end it makes a prefix, at the beginning a suffix. Anywhere else it is the\n"
            "character itself."
        ),
    ),
    (
        "M2908",
        "warning",
        "refuses all of TCP",
        (
            "A DENY rule that asks for nothing but HTTP (methods, paths, hosts, headers, tokens) refuses every\n"
            "connection to a port that is not HTTP: there is nothing to tell them apart by, and what refuses must not\n"
            "refuse less than it says. Name the ports that it is for."
        ),
    ),
    (
        "M2909",
        "error",
        "unknown attribute",
        "The `key` of a condition is no attribute, or its brackets are not closed. The help lists those that are.",
    ),
    (
        "M2910",
        "error",
        "template of a path",
        (
            "In a path `{*}` is one segment and `{**}` any number of them. A segment is one of the two or a literal,\n"
            "and no operator follows `{**}`."
        ),
    ),
    (
        "M2911",
        "error",
        "rule for tokens",
        (
            "An issuer, an audience, an address or a place of a token has a value that is not possible. `jwksUri` is\n"
            "the address of a key set (`https://…`), `jwks` is a key set itself; one rule has one of them."
        ),
    ),
    (
        "M2912",
        "error, or warning for an empty set",
        "key set",
        (
            '`jwks` is a JSON Web Key Set: `{"keys": […]}`, each key with its kind (`kty`: RSA, EC, OKP, oct) and\n'
            "that kind's members (RFC 7517, RFC 7518)."
        ),
    ),
    (
        "M2913",
        "warning",
        "private key in a key set",
        (
            "A key has its private half too. Who may read the configuration may then sign tokens. Replace the key,\n"
            "and write its public half."
        ),
    ),
    (
        "M2914",
        "warning",
        "provider of CUSTOM",
        (
            "A CUSTOM policy names a provider that the mesh settings do not have, or that cannot be asked, or one\n"
            "workload is to ask several. What the policy is for is refused until that is mended."
        ),
    ),
    (
        "M2915",
        "warning, or info before the first fetch",
        "keys are not fetched",
        (
            "The control plane fetches an issuer's keys from `jwksUri`, or where its discovery document\n"
            "(`ISSUER/.well-known/openid-configuration`) says. It did not get them, for the reason given. The last\n"
            "keys that came stay in force, also over a restart; where none ever came the issuer's tokens are\n"
            "refused. It tries again by itself. Addresses of this machine or of its link are not asked unless\n"
            "`meltemi up --keys-from` allows it; redirects are followed three times, never from https to http."
        ),
    ),
    (
        "M2916",
        "warning",
        "keys over plain HTTP",
        (
            "Whoever is on the way between the control plane and the server can put keys of his own in place of the\n"
            "issuer's, and then sign tokens. Use `https`."
        ),
    ),
    (
        "M2917",
        "warning, or info of a fetched set",
        "key is not used",
        (
            "A key cannot verify a token and is left out; the others count. Usable are RSA, EC (P-256, P-384, P-521)\n"
            "and OKP (Ed25519) with an algorithm that fits, whose numbers are a key. Of a fetched set those of RSA\n"
            "have 2048 to 8192 bits, and a shared secret (`oct`) that can be fetched is none."
        ),
    ),
    (
        "M2918",
        "error",
        "value that cannot be matched",
        (
            "No request can have the value, or Envoy cannot compare with it: a header whose name is none, a text\n"
            "without end. Left out it would change who is let in, so the policy is refused."
        ),
    ),
    (
        "M2919",
        "info",
        "bytes are not asked about",
        (
            "A provider that is asked over HTTP (`envoyExtAuthzHttp`) judges requests. On ports that are not HTTP the\n"
            "CUSTOM policy has no effect, as in Istio: guard those with DENY and ALLOW, or with a provider over gRPC."
        ),
    ),
    (
        "M2920",
        "warning",
        "value that no request has",
        (
            "Istio takes the value, but nothing is ever equal to it: a path without '/' or with a query, a method in\n"
            "small letters, a host with a scheme, a principal with 'spiffe://', a namespace with letters that none\n"
            "has, an address of IPv4 in the dress of IPv6. Such a value lets nobody in, and in a DENY policy it\n"
            "refuses nobody."
        ),
    ),
    (
        "M2921",
        "warning",
        "escapes of a path",
        (
            "`%c3` and `%C3` are the same to an application, and Envoy compares them as two texts. A rule is compared\n"
            "with all ways of writing a path's escapes, unless they have more than six letters. Name a part of the\n"
            "path instead, as a prefix or a suffix."
        ),
    ),
    (
        "M2922",
        "warning",
        "header with two meanings",
        (
            "Two claims, or a claim and the whole payload, go into one header. An application cannot tell them apart,\n"
            "nor rely on which of them it gets."
        ),
    ),
    (
        "M2923",
        "warning",
        "rule about tokens that nothing reads",
        (
            "A rule asks for the caller's token (`requestPrincipals`, `request.auth.*`), and no RequestAuthentication\n"
            "is in force at the workload. Nothing verifies tokens there, so none counts, whoever sends it: what asks\n"
            "for one matches nobody, and what excludes some excludes nobody."
        ),
    ),
)
"""Code, severity, name, text."""
