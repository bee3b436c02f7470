"""All findings of the mesh: of each stored document, of documents together, and what proxies refused.

Place:  servers/api · store, publisher → [findings] → /meltemi/v1/findings, wait
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from meltemi.core.model.document import Key
from meltemi.core.model.finding import Finding
from meltemi.core.model.shown import Shown, shown
from meltemi.core.model.source import Source
from meltemi.ports.store import Batch, ChangeKind, ConfigStore
from meltemi.shell.servers.api.admission import Validate


@dataclass(slots=True)
class Findings:
    """Knows the findings of every object; an object is looked at again when it was written."""

    store: ConfigStore
    validate: Validate
    _of: dict[Key, tuple[tuple[Finding, ...], Source]] = field(
        default_factory=dict[Key, tuple[tuple[Finding, ...], Source]]
    )
    _seen: int = 0

    async def all(self, more: Iterable[Finding] = ()) -> tuple[Shown, ...]:
        """Every finding, `more` among them, by document."""
        await self._catch_up()
        own = [shown(finding, source) for found, source in self._of.values() for finding in found]
        others = [await self.placed(finding) for finding in more]
        return tuple(sorted({*own, *others}, key=_order))

    async def placed(self, finding: Finding) -> Shown:
        """A finding with the place that its document's source map gives."""
        await self._catch_up()
        _, source = self._of.get(finding.key, ((), None)) if finding.key else ((), None)
        return shown(finding, source)

    async def _catch_up(self) -> None:
        _, revision = await self.store.list("", "Namespace")
        if revision <= self._seen:
            return
        async for batch in self.store.changes(after=self._seen):
            self._take(batch)
            if self._seen >= revision:
                return

    def _take(self, batch: Batch) -> None:
        if batch.restart:
            self._of.clear()
        # While a replay goes on, its batches are not in the order of the log.
        self._seen = batch.revision if batch.complete or self._seen else 0
        for change in batch.changes:
            one = change.object
            self._of.pop(one.key, None)
            if change.kind is ChangeKind.PUT:
                found = self.validate(msgspec.json.decode(one.body), one.key.namespace)
                self._of[one.key] = (found, one.source)


def _order(one: Shown) -> tuple[str, int, int, str, str]:
    name = one.resource
    return one.file, one.line, one.column, f"{name.kind}/{name.namespace}/{name.name}" if name else "", one.code
