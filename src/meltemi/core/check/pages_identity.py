"""The texts of the codes M91: certificates and who signs them.

Place:  [check/pages_identity] → check/pages
"""

IDENTITY: tuple[tuple[str, str, str, str], ...] = (
    (
        "M9101",
        "warning, or error once it has ended",
        "certificate ends soon",
        (
            "Nine tenths of the life of a proxy's certificate have passed, and it was not renewed, though its agent\n"
            "tries from the middle of its life on. When it ends, no other sidecar accepts the proxy. Its container\n"
            "`istio-proxy` logs why it gets no other one; `meltemi ca status` shows all certificates."
        ),
    ),
    (
        "M9102",
        "warning, or error once it has ended",
        "authority ends soon",
        (
            "Nine tenths of the life of the authority that signs, or of one that is trusted, have passed. No\n"
            "certificate outlives its authority. Replace it in time with `meltemi ca rotate`; see\n"
            "docs/guide/certificates.md."
        ),
    ),
)
"""Code, severity, name, text."""
