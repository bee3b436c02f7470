"""What one proxy would receive in the mesh of some documents, without any server.

Place:  documents → engine → pipeline/slots → [pipeline/compile] → `meltemi compile`, tests

The server calls the same functions on an engine that lives.
"""

from collections.abc import Iterable, Mapping

from meltemi.core.compose.mesh import DEFAULT
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Document, Key
from meltemi.core.model.finding import Finding
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.proxy import Proxy
from meltemi.core.model.resource import Resource, ResourceType
from meltemi.core.model.value import Value
from meltemi.core.pipeline.authorization_findings import together_findings
from meltemi.core.pipeline.findings import findings
from meltemi.core.pipeline.patch_findings import scope_findings
from meltemi.core.pipeline.proxies import pod_scopes
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots


class Compiled(Value, frozen=True, kw_only=True):
    """All resources of one proxy, and what compose and view have to say of the mesh."""

    resources: Mapping[ResourceType, tuple[Resource, ...]]
    findings: tuple[Finding, ...]


def fill(engine: Engine, documents: Iterable[Document[Value]], mesh: MeshConfig = DEFAULT) -> None:
    """Give documents to an engine as its inputs; the last of several with one key counts."""
    kinds: dict[tuple[str, str], set[Key]] = {}
    for document in documents:
        engine.put(("doc", document.key), document)
        kinds.setdefault((document.key.group, document.key.kind), set()).add(document.key)
    for (group, kind), keys in kinds.items():
        engine.put(("docs", group, kind), frozenset(keys))
    engine.put(("mesh",), mesh)


def compile_mesh(documents: Iterable[Document[Value]], mesh: MeshConfig, proxy: Proxy) -> Compiled:
    """Compile for one proxy, on an engine of its own."""
    engine = Engine()
    fill(engine, documents, mesh)
    found: dict[ResourceType, list[Resource]] = {kind: [] for kind in ResourceType}
    scope = engine.get(scope_of, proxy).whole  # what was called is not known here
    for slot in slots(engine, scope):
        body = slot.body.run(engine)
        if body is not None:
            found[slot.type].append(body)
    # Documents without pods: then the proxy that asks is the only one that is known.
    single = () if pod_scopes(engine) else (scope,)
    alone = (*scope_findings(engine, single), *together_findings(engine, single))
    return Compiled(
        resources={kind: tuple(resources) for kind, resources in found.items()}, findings=(*findings(engine), *alone)
    )
