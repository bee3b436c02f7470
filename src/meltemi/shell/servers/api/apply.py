"""`apply`: many objects with their source maps, checked together, then created or changed together.

Place:  servers/api · /meltemi/v1/apply → [apply] → objects

The embedded store writes them in one transaction. Kubernetes' API has none: there they are written one by one, and
where the control plane dies meanwhile, the same `apply` again writes the rest.
"""

import copy
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import structs

from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding, Severity
from meltemi.core.model.kinds import kind_or_unknown
from meltemi.core.model.shown import Shown, shown
from meltemi.core.model.source import Source
from meltemi.core.model.value import Value
from meltemi.ports.store import NotFoundError, Together
from meltemi.shell.servers.api.merge import applied
from meltemi.shell.servers.api.objects import SERVER_FIELDS, Objects
from meltemi.shell.servers.api.paths import Target
from meltemi.shell.servers.api.problem import ApiError, bad_request, retried
from meltemi.shell.servers.api.trees import Object, part

LAST = "kubectl.kubernetes.io/last-applied-configuration"
"""What the file said last time; kubectl's, so that either tool may go on where the other stopped."""
NO_NAMESPACE = "M1210"
FIXED = "M1211"
ADDRESS = "M1212"


class Item(Value, frozen=True, kw_only=True):
    """One object of a file."""

    object: dict[str, Any]
    source: Source = Source()


class ApplyRequest(Value, frozen=True, kw_only=True):
    """Objects in the order of their files. `namespace` is given to those that name none."""

    objects: tuple[Item, ...]
    namespace: str = "default"
    dry_run: bool = False


class Applied(Value, frozen=True, kw_only=True):
    """What became of one object."""

    kind: str
    namespace: str
    name: str
    result: str
    """`created`, `configured` or `unchanged`."""
    revision: int


class ApplyAnswer(Value, frozen=True, kw_only=True):
    """All of it, or, where `refused`, nothing was written."""

    refused: bool
    results: tuple[Applied, ...] = ()
    findings: tuple[Shown, ...] = ()


async def apply(objects: Objects, request: ApplyRequest) -> ApplyAnswer:
    """Write all objects if none has an error. Raises ApiError only for requests that make no sense."""
    found = [(_target(item.object, request.namespace), item) for item in request.objects]
    findings = await _findings(objects, found)
    if any(finding.severity is Severity.ERROR for finding in findings):
        return ApplyAnswer(refused=True, findings=findings)
    # Namespaces first: a file may name them after what lives in them.
    order = sorted(found, key=lambda one: one[0].kind.kind != "Namespace")
    if isinstance(objects.store, Together) and not request.dry_run:
        results = await retried(partial(_together, objects, order))
    else:
        once = (partial(_apply_one, objects, *one, dry_run=request.dry_run) for one in order)
        results = tuple([await retried(one) for one in once])
    return ApplyAnswer(refused=False, results=results, findings=findings)


async def _together(objects: Objects, order: Sequence[tuple[Target, Item]]) -> tuple[Applied, ...]:
    async with objects.together() as (ours, revisions):
        results = [await _apply_one(ours, target, item, dry_run=False) for target, item in order]
    keys = [target.key() for target, _ in order]
    pairs = zip(keys, results, strict=True)
    return tuple(structs.replace(one, revision=revisions.get(key, one.revision)) for key, one in pairs)


async def _findings(objects: Objects, found: Sequence[tuple[Target, Item]]) -> tuple[Shown, ...]:
    also = frozenset(target.name for target, _ in found if target.kind.kind == "Namespace")
    said: list[Shown] = []
    for target, item in found:
        try:
            # An object that is there counts as a change: what is only done at creation is not asked for its findings.
            live = await _live(objects, target)
            _, findings = await objects.admit(target, item.object, live, also=also)
        except ApiError as refusal:
            said.append(shown(_as_finding(refusal, target), item.source))
        else:
            own = (*findings, *_fixed(target, live, item.object))
            said += [shown(finding, item.source) for finding in own]
    return tuple(said)


def _fixed(target: Target, live: Object | None, wanted: Object) -> Iterator[Finding]:
    """A Pod that runs cannot become another."""
    if live is None or target.kind.kind != "Pod" or _changed(live, wanted)["spec"] == live["spec"]:
        return
    message = f"pod {target.name!r} exists, and its spec cannot be changed"
    yield _error(FIXED, target, Path("spec"), message, "delete it first, or write a Deployment")


async def _apply_one(objects: Objects, target: Target, item: Item, *, dry_run: bool) -> Applied:
    live = await _live(objects, target)
    if live is None:
        tree = _remembering(item.object, item.object)
        written = await objects.create(target, tree, source=item.source, dry_run=dry_run)
        return _applied(target, "created", written.revision)
    wanted = _changed(live, item.object)
    if wanted == live and await _same_source(objects, target, item.source):
        return _applied(target, "unchanged", int(live["metadata"]["resourceVersion"]))
    written = await objects.replace(target, wanted, source=item.source, dry_run=dry_run)
    return _applied(target, "configured" if wanted != live else "unchanged", written.revision)


def _changed(live: Object, wanted: Object) -> Object:
    """The live object with what the file says now, and without what it has stopped saying."""
    last: Object = msgspec.json.decode(part(part(live, "metadata"), "annotations").get(LAST) or "{}")
    own = {name: value for name, value in wanted.items() if name != "status"}
    tree: Object = applied(live, last, own) | {"apiVersion": live["apiVersion"], "kind": live["kind"]}
    kept = {name: live["metadata"][name] for name in ("namespace", *SERVER_FIELDS) if name in live["metadata"]}
    tree["metadata"] = {**tree["metadata"], **kept}
    return _remembering(tree, wanted)


def _remembering(tree: Object, wanted: Object) -> Object:
    """The object with a note of what the file said."""
    note = copy.deepcopy(wanted)
    part(part(note, "metadata"), "annotations").pop(LAST, None)
    metadata = part(tree, "metadata")
    annotations = {**part(metadata, "annotations"), LAST: msgspec.json.encode(note, order="sorted").decode()}
    return {**tree, "metadata": {**metadata, "annotations": annotations}}


async def _same_source(objects: Objects, target: Target, source: Source) -> bool:
    return (await objects.get(target)).source == source


async def _live(objects: Objects, target: Target) -> Object | None:
    try:
        return msgspec.json.decode((await objects.store.get(target.key())).body)
    except NotFoundError:
        return None


def _target(tree: Object, namespace: str) -> Target:
    """Where an object goes. Raises ApiError where it does not say so."""
    api_version, name = tree.get("apiVersion"), part(tree, "metadata").get("name")
    if not isinstance(api_version, str) or not isinstance(tree.get("kind"), str) or not isinstance(name, str):
        raise bad_request("an object needs apiVersion, kind and metadata.name")
    group, _, version = api_version.rpartition("/")
    kind = kind_or_unknown(group, tree["kind"], version)
    home = part(tree, "metadata").get("namespace") or namespace
    return Target(kind=kind, group=group, version=version, namespace=home if kind.namespaced else "", name=name)


def _applied(target: Target, result: str, revision: int) -> Applied:
    return Applied(
        kind=target.kind.kind, namespace=target.namespace, name=target.name, result=result, revision=revision
    )


def _as_finding(refusal: ApiError, target: Target) -> Finding:
    if refusal.code != 404:
        message = refusal.message.removeprefix("spec.clusterIP: ")
        return _error(ADDRESS, target, Path("spec.clusterIP"), message, "leave it out: the server chooses one")
    message = f"namespace {target.namespace!r} does not exist"
    tip = f"make it: 'kind: Namespace' with 'name: {target.namespace}'"
    return _error(NO_NAMESPACE, target, Path("metadata.namespace"), message, tip)


def _error(code: str, target: Target, path: Path, message: str, tip: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, message=message, help=tip, key=target.key(), path=path)
