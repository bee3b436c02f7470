"""One AdmissionReview, answered: a pod with its proxy, a document with its findings.

Place:  servers/webhook · app → [review] → core/inject, core/check
Source: Kubernetes, "Dynamic Admission Control", admission.k8s.io/v1.
"""

import base64
import copy
from collections.abc import Sequence
from typing import Any

import msgspec

from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.shown import rendered, shown
from meltemi.core.model.value import Value
from meltemi.shell.servers.api.admission import Injected, Validate, named
from meltemi.shell.servers.api.trees import part

LONGEST = 250
"""Characters of one warning that API servers pass on whole."""

Tree = dict[str, Any]


class Request(Value, frozen=True, kw_only=True):
    """What is asked about."""

    uid: str
    namespace: str = ""
    object: dict[str, Any] | None = None


class Review(Value, frozen=True, kw_only=True):
    """An AdmissionReview as it comes."""

    request: Request


def with_name(pod: Tree) -> Tree:
    """A copy that has a name: a ReplicaSet's pod gets it after admission, but the proxy's socket is named so."""
    pod = copy.deepcopy(pod)
    named(pod)
    return pod


def injected(request: Request, before: Tree, pod: Tree, answer: Injected) -> Tree:
    """The answer to a pod. `before`: as it came; `pod`: the one that was looked at."""
    if answer.patch is None:
        return allowed(request, answer.findings)
    patch = [dict(one) for one in answer.patch]
    if pod["metadata"].get("name") != part(before, "metadata").get("name"):
        patch.insert(0, {"op": "add", "path": "/metadata/name", "value": pod["metadata"]["name"]})
    said: Tree = {"patchType": "JSONPatch", "patch": base64.b64encode(msgspec.json.encode(patch)).decode()}
    return allowed(request, answer.findings, said)


def validated(request: Request, validate: Validate) -> Tree:
    """The answer to a document: as `meltemi validate` has it."""
    tree = copy.deepcopy(request.object or {})
    part(tree, "metadata").pop("managedFields", None)
    return allowed(request, validate(tree, request.namespace))


def allowed(request: Request, findings: Sequence[Finding], said: Tree | None = None) -> Tree:
    """Refused where a finding is an error, whose words are the answer; others are warnings."""
    errors = [one for one in findings if one.severity is Severity.ERROR]
    notes = [rendered(shown(one)).replace("\n", " ")[:LONGEST] for one in findings if one.severity is Severity.WARNING]
    response: Tree = {"uid": request.uid, "allowed": not errors, "warnings": notes}
    if errors:
        text = "\n".join(rendered(shown(one)) for one in errors)
        response["status"] = {"code": 422, "reason": "Invalid", "message": text}
    else:
        response |= said or {}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
