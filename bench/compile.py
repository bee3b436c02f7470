"""From nothing to all resources of one proxy, stage by stage.

Place:  bench · bench/mesh → parse, check, compose to envoy, xds
"""

import yaml

from bench.measure import cpu
from bench.mesh import proxy, trees
from meltemi.core.check.validate import check_document, validate_bytes
from meltemi.core.engine.engine import Engine
from meltemi.core.model.resource import ResourceType
from meltemi.core.pipeline.compile import fill
from meltemi.core.pipeline.findings import findings
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.core.xds.events import Send
from meltemi.core.xds.wire import response

HEAD = (
    "services",
    "YAML → checked (ms)",
    "objects → checked (ms)",
    "names (ms)",
    "bodies (ms)",
    "findings (ms)",
    "to bytes (ms)",
    "resources",
    "bytes",
)


def measure(services: int) -> tuple[object, ...]:
    """One row of the table."""
    objects = trees(services)
    text = "---\n".join(yaml.dump(one, Dumper=yaml.CSafeDumper) for one in objects).encode()
    with cpu() as reading:
        validate_bytes("mesh.yaml", text)
    with cpu() as checking:
        documents = [check_document(tree)[0] for tree in objects]
    engine = Engine()
    fill(engine, (one for one in documents if one is not None))
    with cpu() as naming:
        scope = engine.watch(scope_of, proxy())
        named = engine.watch(slots, scope)
    with cpu() as making:
        made = [engine.watch(slot.body.function, *slot.body.args) for slot in named]
    with cpu() as finding:
        engine.watch(findings)
    with cpu() as joining:
        resources = tuple(one for one in made if one is not None)
        sent = sum(
            len(response(Send(type=kind, nonce="1", resources=tuple(r for r in resources if r.type == kind))))
            for kind in ResourceType
        )
    times = (reading, checking, naming, making, finding, joining)
    return (services, *(one.ms for one in times), len(resources), sent)
