"""Small meshes from YAML, in an engine."""

from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.value import Value
from meltemi.core.parse.documents import parse
from meltemi.core.pipeline.compile import fill


def documents(text: str) -> tuple[Document[Value], ...]:
    """The objects of a YAML stream; all must be sound."""
    parsed, findings = parse("mesh.yaml", text.encode())
    unsound = [f for p in parsed if p.document is None for f in p.findings]
    assert not findings, findings
    assert not unsound, unsound
    return tuple(p.document for p in parsed if p.document is not None)


def mesh_of(text: str, settings: MeshConfig | None = None) -> Engine:
    """An engine that holds the objects of a YAML stream."""
    engine = Engine()
    fill(engine, documents(text), settings or MeshConfig())
    return engine


def service(name: str, *ports: str, address: str = "", created: str = "") -> str:
    """A Kubernetes Service of namespace default; a port is `name:number`. Without an address it is headless."""
    listed = "".join(f"  - {{name: '{p.split(':')[0]}', port: {p.split(':')[1]}}}\n" for p in ports)
    stamp = f", creationTimestamp: '{created}'" if created else ""
    return (
        f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: default{stamp}}}\n"
        f"spec:\n  clusterIP: '{address or 'None'}'\n  ports:\n{listed}"
    )


def virtual_service(name: str, spec: str, namespace: str = "default", created: str = "") -> str:
    """A VirtualService; `spec` is its content as one line of YAML."""
    stamp = f", creationTimestamp: '{created}'" if created else ""
    return (
        "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\n"
        f"metadata: {{name: {name}, namespace: {namespace}{stamp}}}\nspec: {spec}\n"
    )
