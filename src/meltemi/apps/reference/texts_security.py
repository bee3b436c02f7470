"""What fields of AuthorizationPolicy, RequestAuthentication and of providers mean, where the model has no text.

Place:  apps/reference · [texts_security] → kind_page
"""

_NOT = {
    "not_principals": "principals",
    "not_request_principals": "requestPrincipals",
    "not_namespaces": "namespaces",
    "not_ip_blocks": "ipBlocks",
    "not_remote_ip_blocks": "remoteIpBlocks",
    "not_service_accounts": "serviceAccounts",
}
_NOT_ASKED = {"not_hosts": "hosts", "not_ports": "ports", "not_methods": "methods", "not_paths": "paths"}
_PROVIDERS = ("EnvoyExternalAuthorizationHttpProvider", "EnvoyExternalAuthorizationGrpcProvider")
_PROVIDER = {
    "service": "Who is asked: `[NAMESPACE/]HOST`, a service that the mesh knows",
    "port": "At which port of the service",
    "timeout": "How long an answer may take",
    "fail_open": "Who cannot be judged is let in",
    "clear_route_cache": "The route is looked for again after the answer, which may have changed headers",
    "status_on_error": "What the caller gets where there is no answer; 403",
    "include_request_body_in_check": "How much of the body the provider sees; nothing without it",
}

TEXTS: dict[tuple[str, str], str] = {
    ("AuthorizationPolicy", "action"): "What follows for who matches a rule",
    ("AuthorizationPolicy", "selector"): "Pods of the policy's namespace; in the root namespace of all",
    ("Rule", "from_"): "Who asks: any of these; everybody where nothing is written",
    ("Rule", "to"): "What is asked: any of these; everything where nothing is written",
    ("Rule", "when"): "Attributes of the request, all of them",
    ("RuleFrom", "source"): "Who asks; all of its lists hold",
    ("RuleTo", "operation"): "What is asked; all of its lists hold",
    ("Source", "namespaces"): "Namespaces of identities, from certificates",
    **{("Source", name): f"None of these; values as in `{other}`" for name, other in _NOT.items()},
    ("Operation", "hosts"): "Hosts that requests name, without regard to case",
    **{("Operation", name): f"None of these; values as in `{other}`" for name, other in _NOT_ASKED.items()},
    ("Condition", "key"): "Name of the attribute",
    ("Condition", "values"): "One of these",
    ("Condition", "not_values"): "None of these",
    ("RequestAuthentication", "selector"): "Pods of the policy's namespace; in the root namespace of all",
    ("RequestAuthentication", "jwt_rules"): "Issuers whose tokens are believed",
    ("JWTHeader", "name"): "Name of the header",
    ("JWTRule", "from_cookies"): "Cookies that hold a token",
    ("JWTRule", "output_claim_to_headers"): "Claims that the application is told by headers",
    ("JWTRule", "presence"): "Whether requests must have a token of this issuer",
    ("ClaimToHeader", "header"): "The header; what callers write there is removed",
    ("ClaimToHeader", "claim"): "The claim; `a.b` is `b` in `a`",
    ("ExtensionProvider", "name"): "By which policies call it",
    **{(kind, name): text for kind in _PROVIDERS for name, text in _PROVIDER.items()},
    (_PROVIDERS[0], "path_prefix"): "Before the path of the request that the provider gets",
    (_PROVIDERS[0], "include_request_headers_in_check"): "Headers of the request that the provider sees too",
    (_PROVIDERS[0], "include_additional_headers_in_check"): "Headers that the provider gets besides",
    (_PROVIDERS[0], "headers_to_upstream_on_allow"): "Headers of its answer that the application gets",
    (_PROVIDERS[0], "headers_to_downstream_on_allow"): "Headers of its answer that the caller gets, if allowed",
    (_PROVIDERS[0], "headers_to_downstream_on_deny"): "Headers of its answer that the caller gets, if refused",
    ("RequestBody", "max_request_bytes"): "At most so many bytes of it",
    ("RequestBody", "allow_partial_message"): "A longer one is cut; without it refused with 413",
    ("RequestBody", "pack_as_bytes"): "As bytes, not as text (gRPC)",
}
