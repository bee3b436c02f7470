"""`python -m bench.crowd.scratch [SERVICES]`: from nothing to all bytes of ten scopes at the crowd's own load.

Place:  bench/crowd · world → parse, check, compose to envoy, xds; in a process of its own, for its memory

The same stages as bench/compile, which knows one proxy and other documents.
"""

import gc
import json
import subprocess
import sys
from pathlib import Path

import yaml

from bench.crowd import world
from bench.crowd.processes import Spent
from bench.measure import cpu, table
from meltemi.core.check.validate import check_document, validate_bytes
from meltemi.core.engine.engine import Engine
from meltemi.core.model.proxy import Proxy, Role
from meltemi.core.model.resource import ResourceType
from meltemi.core.pipeline.compile import fill
from meltemi.core.pipeline.findings import findings
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slot import Slot
from meltemi.core.pipeline.slots import slots
from meltemi.core.xds.events import Send
from meltemi.core.xds.wire import response

HEAD = ("stage", "CPU (s)", "memory after it (MB)", "what there is")
Row = tuple[str, float, float, str]


def measure(services: int) -> str:
    """The table, of a process of its own."""
    done = subprocess.run([sys.executable, "-m", __name__, str(services)], check=True, capture_output=True)
    return table(
        HEAD, [(what, f"{ms / 1000:.3f}", f"{mb:.0f}", made) for what, ms, mb, made in json.loads(done.stdout)]
    )


def _stages(services: int) -> list[Row]:
    """Memory is what there is besides the text and trees, which no control plane keeps."""
    trees = [*world.namespaces(), *world.objects(services)]
    text = "---\n".join(yaml.dump(one, Dumper=yaml.CSafeDumper) for one in trees).encode()
    with cpu() as reading:
        validate_bytes("mesh.yaml", text)
    rows: list[Row] = [("YAML → checked", reading.ms, 0.0, f"{len(text) / 1e6:.1f} MB of text")]
    with cpu() as checking:
        documents = [one for tree in trees if (one := check_document(tree)[0]) is not None]
    del text, trees
    gc.collect()
    rows.append(("objects → checked", checking.ms, _memory(), f"{len(documents):,} documents"))
    engine = Engine()
    with cpu() as naming:
        fill(engine, documents)
        lists = [engine.watch(slots, engine.watch(scope_of, _proxy(one))) for one in world.NAMESPACES]
    rows.append((f"names, of {len(lists)} scopes", naming.ms, _memory(), f"{sum(map(len, lists)):,} names"))
    bodies = {slot.body: slot for named in lists for slot in named}
    with cpu() as making:
        made = {body: engine.watch(body.function, *body.args) for body in bodies}
    rows.append(("bodies", making.ms, _memory(), f"{len(made):,} resources, {len(engine):,} cells"))
    with cpu() as joining:
        sent = [_bytes(engine, named) for named in lists]
    rows.append(("to bytes", joining.ms, _memory(), f"{sum(sent) / 1e6:.1f} MB"))
    with cpu() as finding:
        found = engine.get(findings)
    rows.append(("findings, when they are asked for", finding.ms, _memory(), f"{len(found):,} findings"))
    return rows


def _bytes(engine: Engine, named: tuple[Slot, ...]) -> int:
    """Of all responses of one scope, kept no longer than they are counted."""
    made = [one for slot in named if (one := slot.body.run(engine)) is not None]
    kinds = {kind: tuple(one for one in made if one.type == kind) for kind in ResourceType}
    return sum(len(response(Send(type=kind, nonce="1", resources=found))) for kind, found in kinds.items() if found)


def _proxy(namespace: str) -> Proxy:
    return Proxy(
        role=Role.SIDECAR, id=f"load.{namespace}", namespace=namespace, addresses=("10.64.0.1",),
        labels=(("app", "load"), ("version", "v1")),
    )  # fmt: skip


def _memory() -> float:
    return Spent(int(Path("/proc/self").readlink().name)).now()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_stages(int(sys.argv[1]))))
