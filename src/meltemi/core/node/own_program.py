"""A program of one's own as objects of the mesh.

Place:  node · apps/cli/run → [own_program] → API
"""

from collections.abc import Iterator
from typing import Any

from meltemi.core.model.value import Value

MADE_BY = "app.kubernetes.io/managed-by"
MAKER = "meltemi-run"


class OwnProgram(Value, frozen=True, kw_only=True):
    """What to run, and how others reach it."""

    name: str
    """Of the Service, and label `app`."""
    version: str = "v1"
    """Label `version`; each version is a Deployment of its own behind the same Service."""
    namespace: str = "default"
    ports: tuple[int, ...]
    protocol: str = "http"
    """As a port of a Service is named: `http`, `grpc`, `tcp`, …"""
    command: tuple[str, ...] = ()
    """Empty: the image map says what `image` stands for."""
    image: str = ""
    directory: str = "/"
    environment: tuple[tuple[str, str], ...] = ()
    replicas: int = 1

    @property
    def deployment(self) -> str:
        """The name of this version's Deployment."""
        return f"{self.name}-{self.version}"


def objects(program: OwnProgram) -> Iterator[dict[str, Any]]:
    """Account, Service and Deployment."""
    labels = {"app": program.name}
    meta = {"namespace": program.namespace, "labels": {**labels, MADE_BY: MAKER}}
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**meta, "name": program.name}}
    ports = [
        {"name": program.protocol if i == 0 else f"{program.protocol}-{port}", "port": port, "targetPort": port}
        for i, port in enumerate(program.ports)
    ]
    spec = {"selector": labels, "ports": ports}
    yield {"apiVersion": "v1", "kind": "Service", "metadata": {**meta, "name": program.name}, "spec": spec}
    chosen = {**labels, "version": program.version}
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**meta, "name": program.deployment, "labels": {**chosen, MADE_BY: MAKER}},
        "spec": {
            "replicas": program.replicas,
            "selector": {"matchLabels": chosen},
            "template": {"metadata": {"labels": chosen}, "spec": _pod(program)},
        },
    }


def _pod(program: OwnProgram) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": program.name,
        "image": program.image or program.name,
        "workingDir": program.directory,
        "env": [{"name": name, "value": value} for name, value in program.environment],
        "ports": [{"containerPort": port} for port in program.ports],
    }
    if program.command:
        container["command"] = list(program.command)
    return {"serviceAccountName": program.name, "terminationGracePeriodSeconds": 5, "containers": [container]}
