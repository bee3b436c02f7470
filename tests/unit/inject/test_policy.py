"""Who gets a proxy."""

from typing import Any

import pytest

from meltemi.core.inject.policy import INJECT, STATUS, decide

CANARY, OURS = {"istio.io/rev": "canary"}, {"istio.io/rev": "default"}
ENABLED, DISABLED, NOTHING = {"istio-injection": "enabled"}, {"istio-injection": "disabled"}, dict[str, str]()


def pod(*, labels: dict[str, str] | None = None, notes: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": labels or {}, "annotations": notes or {}}, "spec": spec}


# fmt: off
CASES = {
    #                            pod                                                    namespace        injected
    "namespace says yes":        (pod(),                                                ENABLED,         True),
    "namespace says nothing":    (pod(),                                                NOTHING,         False),
    "namespace says no":         (pod(labels={INJECT: "true"}),                         DISABLED,        False),
    "pod label says no":         (pod(labels={INJECT: "false"}),                        ENABLED,         False),
    "pod annotation says no":    (pod(notes={INJECT: "false"}),                         ENABLED,         False),
    "pod label says yes":        (pod(labels={INJECT: "true"}),                         NOTHING,         True),
    "label beats annotation":    (pod(labels={INJECT: "true"}, notes={INJECT: "no"}),   ENABLED,         True),
    "neither yes nor no":        (pod(labels={INJECT: "maybe"}),                        ENABLED,         True),
    "our revision":              (pod(),                                                OURS,            True),
    "another revision":          (pod(),                                                CANARY,          False),
    "pod asks for our revision": (pod(labels={"istio.io/rev": "default"}),              NOTHING,         True),
    "host network":              (pod(labels={INJECT: "true"}, hostNetwork=True),       ENABLED,         False),
    "injected already":          (pod(notes={STATUS: "{}"}),                            ENABLED,         False),
}
# fmt: on


@pytest.mark.parametrize(("given", "namespace", "injected"), CASES.values(), ids=CASES)
def test_decision(given: dict[str, Any], namespace: dict[str, str], injected: bool):
    got = decide(given, namespace="shop", namespace_labels=namespace, revision="default")

    assert got.inject is injected


def test_system_namespaces_are_left_alone():
    got = decide(pod(), namespace="kube-system", namespace_labels=ENABLED, revision="default")

    assert not got.inject
