"""From bytes to findings with their lines, and back to what the author sees."""

from meltemi.core.check.validate import check_document, validate_bytes
from meltemi.core.model.shown import rendered, shown

FILE = b"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews}
    retries:
      attempts: 3
      retryOn: conect-failure,503
"""


def test_the_message_that_the_author_sees():
    parsed, findings = validate_bytes("shop/reviews.yaml", FILE)
    assert rendered(shown(findings[0], parsed[0].source)) == (
        "error[M2104]: unknown retry condition 'conect-failure'\n"
        "  --> shop/reviews.yaml:12:16  (spec.http[0].retries.retryOn)\n"
        "  12 |       retryOn: conect-failure,503\n"
        "                      ^^^^^^^^^^^^^^^^^^\n"
        "  help: did you mean 'connect-failure'?"
    )


def test_what_is_missing_is_shown_at_what_is_there():
    _, findings = validate_bytes("f", FILE.replace(b"{host: reviews}", b"{}"))
    assert (findings[0].code, findings[0].span.line) == ("M2013", 9)


def test_an_unknown_field_is_shown_at_its_name():
    _, findings = validate_bytes("f", FILE.replace(b"attempts: 3", b"attemps: 3"))
    assert (findings[0].code, findings[0].span.line, findings[0].span.column, findings[0].span.width) == (
        "M1101",
        11,
        7,
        7,
    )


def test_an_object_of_the_api_gets_paths_without_lines():
    document, findings = check_document(
        {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "a"}}
    )
    assert document is None
    assert [(f.code, f.path, f.span.line) for f in findings] == [("M2301", "spec", 0)]


def test_a_sound_document_knows_its_version():
    document, findings = check_document({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {}})
    assert document is not None
    assert (document.version, document.key.namespace, findings) == ("v1", "default", ())
