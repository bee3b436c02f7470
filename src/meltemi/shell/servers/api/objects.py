"""Objects read and written as Kubernetes' API does it, on any ConfigStore.

Place:  servers/api · app, apply → [objects] → admission → ports.ConfigStore
"""

import asyncio
import copy
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from meltemi.core.model.document import Key
from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.kinds import KindRole, kind_or_unknown
from meltemi.core.model.shown import Shown, shown
from meltemi.core.model.source import Source
from meltemi.ports.store import ConfigStore, ConflictError, NotFoundError, Stored, Together
from meltemi.shell.servers.api import problem
from meltemi.shell.servers.api.addresses import Addresses
from meltemi.shell.servers.api.admission import Admission, defaulted, injected
from meltemi.shell.servers.api.namespaces import NAMESPACE
from meltemi.shell.servers.api.paths import Target, key_of
from meltemi.shell.servers.api.rules import (
    address_of,
    addressed,
    expect,
    free_address,
    is_service,
    revision_sent,
    same,
    seen,
    stored_version,
)
from meltemi.shell.servers.api.trees import Object, labels_of, part
from meltemi.shell.stores.draft import Draft

GRACE = 30
"""Seconds that a Pod has to stop, where neither it nor the caller says so (Kubernetes')."""
SERVER_FIELDS = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
"""Of metadata: only the server writes them."""


Revisions = dict[Key, int]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write."""

    tree: Object
    revision: int
    """0 after a dry run."""
    findings: tuple[Shown, ...] = ()


@dataclass(slots=True)
class Objects:
    """The rules of reading and writing. One at a time: a write looks at what it replaces, and at addresses in use."""

    store: ConfigStore
    admission: Admission
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _known: Addresses | None = None

    @asynccontextmanager
    async def together(self) -> AsyncGenerator[tuple["Objects", Revisions]]:
        """Objects whose writes are made at the end of the block, all or none; their revisions are known after it.

        Meanwhile nobody else writes here. Only over a store that can. Raises ApiError.
        """
        assert isinstance(self.store, Together)  # noqa: S101  (asked by the caller)
        revisions: Revisions = {}
        async with self._lock:
            draft = Draft(self.store)
            ours = Objects(draft, self.admission, _known=(await self._addresses()).copy())
            yield ours, revisions
            try:
                written = await self.store.write_all(draft.writes)
            except (ConflictError, NotFoundError) as stale:
                raise problem.ApiError(problem.CONFLICT, "Conflict", str(stale)) from stale
            revisions |= {one.key: one.revision for one in written}
            self._known = ours._known

    async def namespace(self, name: str) -> Object | None:
        """A Namespace object; None where there is none."""
        return await self._tree(key_of(NAMESPACE, "", name))

    async def get(self, target: Target) -> Stored:
        """One object. Raises ApiError."""
        try:
            return await self.store.get((await self.resolved(target)).key())
        except NotFoundError as missing:
            raise problem.not_found(target.kind, target.name) from missing

    async def resolved(self, target: Target) -> Target:
        """The target with its kind known: strangers are looked for among the objects that are stored."""
        if target.kind.kind:
            return target
        async for batch in self.store.changes(after=0):
            for change in batch.changes:
                key = change.object.key
                kind = kind_or_unknown(key.group, key.kind, target.version)
                if key.group == target.group and kind.plural == target.kind.plural:
                    return msgspec.structs.replace(target, kind=kind)
            if batch.complete:
                break
        raise problem.not_found(target.kind, target.name)

    async def create(
        self, target: Target, tree: Object, *, source: Source | None = None, dry_run: bool = False
    ) -> Written:
        """Store a new object. Raises ApiError."""
        async with self._lock:
            target, tree = addressed(target, tree, generate=True)
            if await self._tree(target.key()):
                raise problem.already_exists(target.kind, target.name)
            for name in ("resourceVersion", *SERVER_FIELDS):
                tree["metadata"].pop(name, None)
            if target.kind.role is KindRole.KUBE:
                tree.pop("status", None)
            return await self._write(target, tree, None, source=source, expected=0, dry_run=dry_run)

    async def replace(
        self, target: Target, tree: Object, *, source: Source | None = None, dry_run: bool = False
    ) -> Written:
        """Store an object in the place of another. Raises ApiError."""
        async with self._lock:
            target, tree = addressed(target, tree)
            old = await self.existing(target)
            return await self._replace(target, tree, old, source=source, dry_run=dry_run)

    async def patch(self, target: Target, patch: Any, content_type: str, *, dry_run: bool = False) -> Written:
        """Change an object where it is, as it is then. Raises ApiError."""
        from meltemi.shell.servers.api.merge import patched  # noqa: PLC0415  (jsonpatch is slow to import)

        async def change() -> Written:
            found = await self.resolved(target)
            old = await self.existing(found)
            found, tree = addressed(found, patched(old, patch, content_type))
            return await self._replace(found, tree, old, source=None, dry_run=dry_run)

        async with self._lock:
            return await problem.retried(change)

    async def put(self, target: Target, tree: Object, *, source: Source | None, expected: int | None) -> Written:
        """As ConfigStore.put, but admitted: what stores of other processes write. Raises ApiError.

        Status is written as it comes, and the namespace may be gone: controllers that lag behind clean up themselves.
        """
        async with self._lock:
            target, tree = addressed(target, tree)
            old = await self._tree(target.key())
            return await self._write(
                target, tree, old, source=source, expected=expected, dry_run=False, also=frozenset({target.namespace})
            )

    async def delete(
        self, target: Target, *, expected: int | None = None, grace: int | None = None, dry_run: bool = False
    ) -> Object:
        """Remove an object, or mark a Pod that the node has to stop first. Raises ApiError. Returns the last state."""
        async with self._lock:
            target = await self.resolved(target)
            old = await self.existing(target)
            expect(target, old, expected)
            if dry_run:
                return old
            graceful = (target.kind.group, target.kind.kind) == ("", "Pod") and grace != 0
            if graceful and self.admission.gracefully:
                await self.admission.gracefully(target.key())
                return old
            if graceful:
                return await self._mark(target, old, grace)
            await self.store.delete(target.key())
            if self.admission.defaults and is_service(target):
                (await self._addresses()).note(target.key(), "")
            return old

    async def existing(self, target: Target) -> Object:
        """The stored object of a target. Raises ApiError."""
        old = await self._tree(target.key())
        if old is None:
            raise problem.not_found(target.kind, target.name)
        return old

    async def _replace(
        self, target: Target, tree: Object, old: Object, *, source: Source | None, dry_run: bool
    ) -> Written:
        if target.sub == "status":
            tree = {**old, "status": tree.get("status"), "metadata": seen(old, tree)}
        else:
            tree = {**tree}
            tree.pop("status", None)
            if "status" in old:
                tree["status"] = old["status"]
        metadata = tree["metadata"]
        expected = revision_sent(metadata)
        if metadata.get("uid", old["metadata"]["uid"]) != old["metadata"]["uid"]:
            raise problem.conflict(target.kind, target.name)
        kept = {name: old["metadata"][name] for name in SERVER_FIELDS if name in old["metadata"]}
        tree["metadata"] = {k: v for k, v in metadata.items() if k not in SERVER_FIELDS} | kept
        return await self._write(target, tree, old, source=source, expected=expected, dry_run=dry_run)

    async def _write(
        self, target: Target, tree: Object, old: Object | None, *, source: Source | None, expected: int | None,
        dry_run: bool, also: frozenset[str] = frozenset(),
    ) -> Written:  # fmt: skip
        admitted, findings = await self.admit(target, tree, old, also=also)
        said = tuple(shown(finding, source) for finding in findings)
        if any(finding.severity is Severity.ERROR for finding in findings):
            raise problem.refused(target.kind, target.name, said)
        admitted["apiVersion"] = stored_version(target)
        if dry_run:
            expect(target, old, expected)
            return Written(tree=admitted, revision=0, findings=said)
        if old is not None and source is None and same(admitted, old):
            # As Kubernetes: what changes nothing makes no revision, so that controllers come to rest.
            expect(target, old, expected)
            return Written(tree=old, revision=int(old["metadata"]["resourceVersion"]), findings=said)
        try:
            stored = await self.store.put(target.key(), msgspec.json.encode(admitted), source=source, expected=expected)
        except ConflictError as stale:
            raise problem.conflict(target.kind, target.name) from stale
        if self.admission.defaults and is_service(target):
            (await self._addresses()).note(target.key(), address_of(admitted))
        return Written(tree=msgspec.json.decode(stored.body), revision=stored.revision, findings=said)

    async def admit(
        self, target: Target, tree: Object, old: Object | None, *, also: frozenset[str] = frozenset()
    ) -> tuple[Object, tuple[Finding, ...]]:
        """The object with defaults and injection, and what validation says. `also`: namespaces about to be made.

        Raises ApiError where its namespace does not exist. Validation sees the object as its author wrote it.
        """
        labels: dict[str, str] = {}
        if target.kind.namespaced:
            home = await self.namespace(target.namespace)
            if home is None and target.namespace not in also:
                raise problem.not_found(NAMESPACE, target.namespace)
            labels = labels_of(home or {})
        findings = self.admission.validate(tree, target.namespace)
        if any(finding.severity is Severity.ERROR for finding in findings):
            return tree, findings
        tree = copy.deepcopy(tree)
        if not self.admission.defaults:
            return tree, findings
        addresses = await self._addresses()
        defaulted(tree, target.kind, old, lambda: free_address(addresses))
        if is_service(target) and addresses.owner(address_of(tree)) not in (None, target.key()):
            message = f"spec.clusterIP: {address_of(tree)} belongs to {addresses.owner(address_of(tree))}"
            raise problem.ApiError(422, "Invalid", message, kind=target.kind, name=target.name)
        inject = self.admission.inject
        if old is None and inject and (target.kind.group, target.kind.kind) == ("", "Pod"):
            answer = inject(tree, namespace=target.namespace, namespace_labels=labels)
            return injected(tree, answer), findings + answer.findings
        return tree, findings

    async def _addresses(self) -> Addresses:
        """Of all Services; read once, then kept up to date by every write."""
        if self._known is None:
            found = Addresses(self.admission.service_cidr)
            for one in (await self.store.list("", "Service"))[0]:
                found.note(one.key, address_of(msgspec.json.decode(one.body)))
            self._known = found
        return self._known

    async def _mark(self, target: Target, old: Object, grace: int | None) -> Object:
        """Say when a Pod must be gone; asked again, the time can only become shorter."""
        own = part(old, "spec").get("terminationGracePeriodSeconds", GRACE)
        seconds: int = own if grace is None else grace
        metadata = old["metadata"]
        if "deletionTimestamp" in metadata and metadata.get("deletionGracePeriodSeconds", 0) <= seconds:
            return old
        when = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        marked = {**metadata, "deletionTimestamp": when, "deletionGracePeriodSeconds": seconds}
        stored = await self.store.put(target.key(), msgspec.json.encode({**old, "metadata": marked}))
        return msgspec.json.decode(stored.body)

    async def _tree(self, key: Key) -> Object | None:
        try:
            return msgspec.json.decode((await self.store.get(key)).body)
        except NotFoundError:
            return None
