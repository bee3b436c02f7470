"""`meltemi compile --proxy PROXY.json FILE…`: what a proxy would receive in the mesh of these files, without a server.

Place:  apps/cli · files → parse → check → pipeline/compile → Envoy's messages as JSON
Exit:   0 no errors · 1 errors (what is sound is compiled all the same; what an unsound policy guards is shut)
        2 a file could not be read
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
import msgspec

from meltemi.apps.cli.output import echo_findings, echo_json, echo_table, faulty, findings_json, output_option

if TYPE_CHECKING:
    from meltemi.core.model.document import Key
    from meltemi.core.model.finding import Finding
    from meltemi.core.model.mesh import MeshConfig
    from meltemi.core.model.proxy import Proxy
    from meltemi.core.model.shown import Shown
    from meltemi.core.model.source import Source
    from meltemi.core.parse.documents import Parsed
    from meltemi.core.pipeline.compile import Compiled

LISTS = ("listeners", "routes", "clusters", "endpoints", "extensions", "virtual_hosts")
"""Of the answer, in its order; `ResourceType` has the same six."""


@click.command(help=__doc__)
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--proxy", "proxy_file", required=True, metavar="FILE", help="JSON: type, id, namespace, labels, …")
@click.option("--mesh-config", metavar="FILE", help="settings of the mesh, as in Istio's MeshConfig")
@click.option("-n", "--namespace", default="default", help="of objects that name none")
@output_option
def command(files: tuple[str, ...], proxy_file: str, mesh_config: str | None, namespace: str, output: str) -> None:
    """Print every resource of one proxy."""
    from meltemi.core.check.closed import closed
    from meltemi.core.pipeline.compile import compile_mesh

    proxy = read_proxy(read_file(proxy_file))
    parsed: list[Parsed] = []
    found: list[Shown] = []
    for file in files:
        parsed += parsed_file(file, namespace, found)
    settings = mesh_settings(mesh_config, found)
    documents = (p.document or closed(p.tree, namespace=namespace) for p in parsed)
    compiled = compile_mesh([one for one in documents if one], settings, proxy)
    found += _placed(compiled.findings, {p.key: p.source for p in parsed if p.key})
    if output == "json":
        echo_json({**lists(compiled), "findings": findings_json(found)})
    else:
        _echo(compiled)
        echo_findings(found)
    raise SystemExit(1 if faulty(found) else 0)


def read_file(file: str) -> bytes:
    """The content; `-` is standard input. Ends the command where it cannot be read."""
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as e:
        click.echo(f"error: cannot read {file}: {e.strerror}", err=True)
        raise SystemExit(2) from None


class Node(msgspec.Struct):
    """The proxy's file."""

    type: Literal["sidecar", "router"] = "sidecar"
    id: str = ""
    namespace: str = "default"
    ip_addresses: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    metadata: dict[str, Any] = {}


def read_proxy(text: bytes) -> "Proxy":
    """A proxy from its JSON. Of the metadata only texts count."""
    from meltemi.core.model.proxy import ISTIO_VERSION, Proxy, Role

    try:
        node = msgspec.json.decode(text, type=Node)
    except msgspec.DecodeError as e:
        click.echo(f"error: the proxy's file is no JSON of a proxy: {e}", err=True)
        raise SystemExit(2) from None
    return Proxy(
        role=Role(node.type),
        id=node.id,
        namespace=node.namespace,
        addresses=node.ip_addresses,
        labels=tuple(sorted(node.labels.items())),
        metadata=tuple(
            sorted((k, v) for k, v in {"ISTIO_VERSION": ISTIO_VERSION, **node.metadata}.items() if isinstance(v, str))
        ),
    )


def parsed_file(file: str, namespace: str, found: "list[Shown]") -> "tuple[Parsed, ...]":
    """The objects of a file; what is wrong with them goes to `found`."""
    from meltemi.core.check.validate import validate_bytes

    text = read_file(file)
    parsed, findings = validate_bytes(file, text, namespace=namespace)
    found += _quoted(file, text, findings)
    return parsed


def mesh_settings(file: str | None, found: "list[Shown]") -> "MeshConfig":
    """The mesh's settings from a file, Istio's defaults without one; what is wrong goes to `found`."""
    from meltemi.core.model.mesh import MeshConfig

    if file is None:
        return MeshConfig()
    from meltemi.core.check.mesh import read_mesh_config

    text = read_file(file)
    settings, findings = read_mesh_config(file, text)
    found += _quoted(file, text, findings)
    return settings


def _quoted(file: str, text: bytes, findings: "tuple[Finding, ...]") -> "list[Shown]":
    from meltemi.core.model.shown import shown
    from meltemi.core.model.source import Source

    quotes = Source(file=file, lines=dict(enumerate(text.decode(errors="replace").splitlines(), start=1)))
    return [shown(f, quotes) for f in findings]


def _placed(findings: "tuple[Finding, ...]", sources: "dict[Key, Source]") -> "list[Shown]":
    from meltemi.core.model.shown import shown

    return [shown(f, sources.get(f.key) if f.key else None) for f in findings]


def lists(compiled: "Compiled") -> dict[str, list[dict[str, Any]]]:
    """The resources by list, each in protobuf JSON."""
    from meltemi.core.envoy import pb
    from meltemi.core.model.resource import ResourceType

    types = {
        "listeners": ResourceType.LISTENER,
        "routes": ResourceType.ROUTES,
        "clusters": ResourceType.CLUSTER,
        "endpoints": ResourceType.ENDPOINTS,
        "extensions": ResourceType.EXTENSION,
        "virtual_hosts": ResourceType.VIRTUAL_HOST,
    }
    return {name: [pb.to_json(r.type, r.body) for r in compiled.resources[types[name]]] for name in LISTS}


def _echo(compiled: "Compiled") -> None:
    """Names and sizes: whoever wants the messages asks for JSON."""
    rows = [
        (kind.name.lower(), resource.name, str(len(resource.body)), resource.version)
        for kind, resources in compiled.resources.items()
        for resource in resources
    ]
    echo_table(("TYPE", "NAME", "BYTES", "VERSION"), rows)
