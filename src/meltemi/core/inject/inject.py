"""A pod and what its mesh and namespace say → the JSON patch that gives it a proxy.

Place:  inject · policy → annotations → containers → [inject]; called by servers/api when a Pod is created, by a
        webhook, and by hand for manifests (`inject_document`)

Two templates, as Istio's: `sidecar` beside an application, and `gateway` (annotation `inject.istio.io/templates:
gateway`), where the proxy is the pod's own container `istio-proxy` with `image: auto`.

A sidecar's label `security.istio.io/tlsMode: istio` tells clients that it takes mutual TLS; a pod that says otherwise
itself is believed. A gateway has none: what it takes, its Gateways say.
"""

import copy
import json
from collections.abc import Mapping
from typing import Any

from meltemi.core.inject import annotations as notes
from meltemi.core.inject import containers as parts
from meltemi.core.inject import policy, probes, proxy_config
from meltemi.core.inject.config import STATUS_PORT, InjectConfig
from meltemi.core.inject.environment import environment, merges_metrics, metrics_annotations
from meltemi.core.inject.merge import merge_container
from meltemi.core.inject.patch import Operation, operations
from meltemi.core.inject.probes import Pod
from meltemi.core.inject.workload import Workload, canonical_labels, workload_of
from meltemi.core.model.document import Key, Path
from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.value import Value

SIDECAR, GATEWAY = "sidecar", "gateway"
ENDING = ("Never", "OnFailure")
"""Restart policies of pods whose proxy is a native sidecar, an init container with `restartPolicy: Always`."""
TLS_MODE = "security.istio.io/tlsMode"
DEFAULT_CONTAINER = ("kubectl.kubernetes.io/default-container", "kubectl.kubernetes.io/default-logs-container")


class Injection(Value, frozen=True, kw_only=True):
    """The answer to one pod."""

    patch: tuple[Operation, ...] | None
    """RFC 6902 operations as a webhook answers them; None: the pod stays as it is."""
    reason: str
    """Which rule decided, in words."""
    findings: tuple[Finding, ...] = ()

    @property
    def refused(self) -> bool:
        """The pod asks for something that cannot be given: it must not be created."""
        return any(f.severity is Severity.ERROR for f in self.findings)


def inject(
    pod: Pod,
    *,
    namespace: str,
    namespace_labels: Mapping[str, str],
    config: InjectConfig,
    workload: Workload | None = None,
) -> Injection:
    """Decide, and write the patch.

    `pod` is not changed; `metadata.name` must be set already, except in a template. `workload`: the maker, where it is
    known otherwise than by owner references.
    """
    metadata: Pod = pod.get("metadata") or {}
    key = Key(group="", kind="Pod", namespace=namespace, name=metadata.get("name") or "")
    decision = policy.decide(pod, namespace=namespace, namespace_labels=namespace_labels, revision=config.revision)
    if not decision.inject:
        return Injection(patch=None, reason=decision.reason, findings=tuple(_bad_switch(decision, key)))
    said: Mapping[str, str] = metadata.get("annotations") or {}
    own, faults = proxy_config.read(said.get(notes.PROXY_CONFIG, ""), key)
    template = said.get(policy.TEMPLATES, SIDECAR)
    merged = proxy_config.merged(dict(config.proxy_config), own, dict(config.selected_proxy_config))
    found = (
        *notes.findings(said, key),
        *faults,
        *_bad_switch(decision, key),
        *_bad_template(template, key),
        *_bad_mode(merged, key),
        *_uncaptured(merged, config, key),
    )
    answer = Injection(patch=None, reason=decision.reason, findings=found)
    if answer.refused:
        return answer
    subject = _subject(metadata, namespace, config, merged, workload or workload_of(metadata))
    changed = _gateway(pod, subject, config) if template == GATEWAY else _sidecar(pod, subject, config)
    return Injection(patch=tuple(operations(pod, changed)), reason=decision.reason, findings=found)


def _subject(metadata: Pod, namespace: str, config: InjectConfig, proxy: Pod, workload: Workload) -> parts.Subject:
    said: Mapping[str, str] = metadata.get("annotations") or {}
    labels: Mapping[str, str] = metadata.get("labels") or {}
    if notes.STATUS_PORT in said:
        # The agent listens where its configuration says; rules, probes and scrapers go by the annotation.
        proxy = {**proxy, "statusPort": int(said[notes.STATUS_PORT])}
    mode = said.get(notes.SIDECAR + "interceptionMode") or proxy.get("interceptionMode") or "REDIRECT"
    return parts.Subject(
        namespace=namespace,
        name=metadata.get("name") or "",
        annotations=said,
        labels={**labels, **canonical_labels(labels, workload)},
        workload=workload,
        proxy_config=proxy,
        mode=str(mode),
        status_port=int(proxy.get("statusPort") or STATUS_PORT),
        hold=bool(proxy.get("holdApplicationUntilProxyStarts", config.hold_application)),
        image=said.get(notes.SIDECAR + "proxyImage") or proxy_config.image_of(config.image, proxy),
    )


def _sidecar(pod: Pod, subject: parts.Subject, config: InjectConfig) -> Pod:
    changed, spec, apps, own = _split(pod)
    said = subject.annotations
    rewriting = said.get(notes.SIDECAR + "rewriteAppHTTPProbers", "true" if config.rewrite_probes else "false")
    probed = [*apps, *(c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always")]
    probers = probes.rewrite(probed, status_port=subject.status_port) if rewriting.lower() in policy.YES else {}
    env = environment(subject, config, apps=apps, probers=probers)
    proxy = merge_container(parts.proxy_container(subject, config, role="sidecar", env=env), own)
    init = [] if subject.mode == "NONE" else [parts.init_container(subject, config)]
    native = spec.get("restartPolicy") in ENDING
    if native:
        # A pod that is to end must not wait for its proxy: the proxy ends when the others have.
        proxy = {**proxy, "restartPolicy": "Always"}
        proxy.pop("lifecycle", None)
        init, proxies = [*init, proxy], []
    else:
        proxies = [proxy]
    # First when it holds the application: containers start in order, and each waits for the one before it to have
    # run its postStart hook.
    spec["containers"] = [*proxies, *apps] if subject.hold else [*apps, *proxies]
    if init or spec.get("initContainers"):
        spec["initContainers"] = [*init, *(spec.get("initContainers") or ())]
    default = {name: apps[0]["name"] for name in DEFAULT_CONTAINER if apps and name not in said}
    metadata: Pod = changed.setdefault("metadata", {})
    metadata["labels"] = {TLS_MODE: "istio", **(metadata.get("labels") or {})}
    _finish(changed, subject, config, added=(_names(init), _names(proxies)), notes_=default)
    return changed


def _names(containers: list[Pod]) -> list[str]:
    return [one["name"] for one in containers]


def _gateway(pod: Pod, subject: parts.Subject, config: InjectConfig) -> Pod:
    changed, spec, apps, own = _split(pod)
    env = environment(subject, config, apps=apps, probers={})
    # Nothing to hold: the pod has no application.
    template = parts.proxy_container(subject, config, role="router", env=env)
    template.pop("lifecycle", None)
    proxy = merge_container(template, own)
    spec["containers"] = [proxy, *apps]
    _finish(changed, subject, config, added=([], [parts.PROXY]), notes_={})
    return changed


def _split(pod: Pod) -> tuple[Pod, Pod, list[Pod], Pod | None]:
    """A copy of the pod, its spec, its applications' containers, and what it says of the proxy's container."""
    changed = copy.deepcopy(pod)
    spec: Pod = changed.setdefault("spec", {})
    every: list[Pod] = spec.get("containers") or []
    own = next((c for c in every if c["name"] == parts.PROXY), None)
    return changed, spec, [c for c in every if c is not own], own


def _finish(
    pod: Pod,
    subject: parts.Subject,
    config: InjectConfig,
    *,
    added: tuple[list[str], list[str]],
    notes_: Mapping[str, str],
) -> None:
    """Volumes, labels and annotations; `sidecar.istio.io/status` says what was added."""
    spec, volumes = pod["spec"], parts.volumes(subject, config)
    spec["volumes"] = [*(spec.get("volumes") or ()), *volumes]
    metadata: Pod = pod.setdefault("metadata", {})
    metadata["labels"] = {**(metadata.get("labels") or {}), **canonical_labels(subject.labels, subject.workload)}
    status = {
        "initContainers": added[0] or None,
        "containers": added[1],
        "volumes": [v["name"] for v in volumes],
        "imagePullSecrets": None,
        "revision": config.revision,
    }
    merge = merges_metrics(subject.annotations, config)
    metadata["annotations"] = {
        **(metadata.get("annotations") or {}),
        **notes_,
        **metrics_annotations(subject.annotations, merge=merge, status_port=subject.status_port),
        policy.REVISION: config.revision,
        policy.STATUS: json.dumps(status, separators=(",", ":")),
    }


def _bad_switch(decision: policy.Decision, key: Key) -> list[Finding]:
    if not decision.bad_value:
        return []
    message = f"'{policy.INJECT}: {decision.bad_value}' is neither 'true' nor 'false' and has no effect"
    return [Finding(code=notes.NO_EFFECT, severity=Severity.WARNING, key=key, path=Path("metadata"), message=message)]


def _bad_template(template: str, key: Key) -> list[Finding]:
    if template in {SIDECAR, GATEWAY}:
        return []
    path = Path(f"metadata.annotations[{policy.TEMPLATES}]")
    message = f"there is no injection template '{template}'"
    help_ = f"use '{SIDECAR}' or '{GATEWAY}'"
    return [Finding(code=notes.BAD_VALUE, severity=Severity.ERROR, key=key, path=path, message=message, help=help_)]


def _uncaptured(proxy: Mapping[str, Any], config: InjectConfig, key: Key) -> list[Finding]:
    """Without root the proxy's own questions for names cannot be told from the application's."""
    if not (config.one_user and proxy_config.captures_names(proxy)):
        return []
    path = Path(f"metadata.annotations[{notes.PROXY_CONFIG}]")
    message = f"'{proxy_config.CAPTURE}' has no effect in a mesh without root"
    return [Finding(code=notes.NO_EFFECT, severity=Severity.WARNING, key=key, path=path, message=message)]


def _bad_mode(proxy: Mapping[str, Any], key: Key) -> list[Finding]:
    fault = notes.interception(str(proxy.get("interceptionMode") or "REDIRECT"))
    path = Path(f"metadata.annotations[{notes.PROXY_CONFIG}]")
    message = f"'interceptionMode' of the proxy's configuration: {fault}"
    return (
        [Finding(code=notes.BAD_VALUE, severity=Severity.ERROR, key=key, path=path, message=message)] if fault else []
    )


def applied(pod: Pod, patch: tuple[Operation, ...]) -> Pod:
    """The pod after the operations that `inject` wrote (maps are entered, lists replaced as a whole)."""
    changed: Any = copy.deepcopy(pod)
    for op in patch:
        *parents, last = [s.replace("~1", "/").replace("~0", "~") for s in op["path"].split("/")[1:]]
        at = changed
        for part in parents:
            at = at[part]
        if op["op"] == "remove":
            del at[last]
        else:
            at[last] = op["value"]
    return changed
