"""Probes and hooks of a pod's containers.

Place:  shell/runtime · [pod_probes] → podspec; carried out by handlers
"""

from collections.abc import Mapping

from meltemi.core.model.units import Seconds
from meltemi.shell.runtime.pod_spec import Handler, Probe
from meltemi.shell.runtime.pod_values import MissingError, Tree


def probe(tree: Tree | None, ports: Mapping[str, int]) -> Probe | None:
    """A probe, None where none is written. Raises MissingError."""
    deed = handler(tree, ports)
    if tree is None or deed is None:
        return None
    return Probe(
        handler=deed,
        initial_delay=Seconds(tree.get("initialDelaySeconds", 0)),
        period=Seconds(tree.get("periodSeconds", 10)),
        timeout=Seconds(tree.get("timeoutSeconds", 1)),
        success=tree.get("successThreshold", 1),
        failure=tree.get("failureThreshold", 3),
    )


def handler(tree: Tree | None, ports: Mapping[str, int]) -> Handler | None:
    """A probe's or a hook's deed; `ports`: by name. Raises MissingError."""
    tree = tree or {}
    if program := tree.get("exec"):
        return Handler(exec=tuple(program["command"]))
    if http := tree.get("httpGet"):
        headers = tuple((one["name"], one["value"]) for one in http.get("httpHeaders") or ())
        path: str = http.get("path") or "/"
        return Handler(
            http_path=path if path.startswith("/") else f"/{path}",
            http_host=http.get("host", ""),
            https=http.get("scheme", "HTTP").upper() == "HTTPS",
            headers=headers,
            port=_port(http["port"], ports),
        )
    if tcp := tree.get("tcpSocket"):
        return Handler(http_host=tcp.get("host", ""), port=_port(tcp["port"], ports))
    if grpc := tree.get("grpc"):
        return Handler(port=grpc["port"], grpc_service=grpc.get("service") or "")
    if sleep := tree.get("sleep"):
        return Handler(sleep=Seconds(sleep["seconds"]))
    return None


def _port(said: int | str, ports: Mapping[str, int]) -> int:
    if isinstance(said, int):
        return said
    if said in ports:
        return ports[said]
    if not said.isdecimal():
        raise MissingError(f"the container has no port {said!r}")
    return int(said)
