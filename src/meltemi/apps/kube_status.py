"""What the control plane says of each document, put together for the API server.

Place:  apps · publish, servers/api/findings → [kube_status] → shell/kube/statuses
"""

from collections.abc import Callable, Sequence

from meltemi.core.crds.definitions import is_ours
from meltemi.core.crds.status import Progress, progress_at
from meltemi.core.model.document import Key
from meltemi.core.model.kinds import kind_of
from meltemi.core.model.shown import Shown
from meltemi.shell.kube.statuses import Statuses
from meltemi.shell.publish import Publisher
from meltemi.shell.servers.api.admission import Validate
from meltemi.shell.servers.api.findings import Findings
from meltemi.shell.stores.kube.store import KubeStore


class _Mesh:
    """Implements statuses.Mesh."""

    def __init__(self, store: KubeStore, publisher: Publisher, validate: Validate) -> None:
        self._store = store
        self._publisher = publisher
        self._findings = Findings(store, validate)

    def stamp(self) -> object:
        return self._store.newest, self._publisher.progress(), self._publisher.findings()

    async def findings(self) -> Sequence[Shown]:
        return await self._findings.all(self._publisher.findings())

    def progress(self) -> Callable[[int], Progress]:
        settled, connected, owing = self._publisher.progress()
        return lambda revision: progress_at(revision, settled=settled, connected=connected, owing=owing)


async def write_statuses(store: KubeStore, publisher: Publisher, validate: Validate) -> None:
    """Run until cancelled."""
    await Statuses(store, _Mesh(store, publisher, validate), _ours).run()


def _ours(key: Key) -> bool:
    kind = kind_of(key.group, key.kind)
    return kind is not None and is_ours(kind)
