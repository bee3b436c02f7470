"""What an object must be to be read or written: its name, kind, version and revision.

Place:  servers/api · objects → [rules]
"""

import msgspec

from meltemi.core.model.kinds import Kind, kind_of, kind_or_unknown
from meltemi.shell.servers.api import problem
from meltemi.shell.servers.api.addresses import Addresses
from meltemi.shell.servers.api.admission import named
from meltemi.shell.servers.api.paths import Target
from meltemi.shell.servers.api.trees import Object, part


def is_service(target: Target) -> bool:
    """Whether an object is a Service."""
    return (target.kind.group, target.kind.kind) == ("", "Service")


def address_of(service: Object) -> str:
    """The address that a Service has; "" without one."""
    return part(service, "spec").get("clusterIP") or ""


def free_address(addresses: Addresses) -> str:
    """One that no Service has. Raises ApiError."""
    if address := addresses.free():
        return address
    raise problem.ApiError(507, "InsufficientStorage", f"all addresses of {addresses.network} are taken")


def addressed(target: Target, tree: Object, *, generate: bool = False) -> tuple[Target, Object]:
    """Bring URL and object together; the object is copied. Raises ApiError where they contradict each other."""
    tree = {**tree, "metadata": dict(part(tree, "metadata"))}
    kind = kind_sent(target, tree)
    tree |= {"kind": kind.kind, "apiVersion": target.api_version}
    if generate:
        named(tree)
    metadata = tree["metadata"]
    namespace = target.namespace or metadata.get("namespace") or "default"
    name = target.name or metadata.get("name") or ""
    if not name:
        raise problem.ApiError(422, "Invalid", "metadata.name: the object has no name")
    if metadata.get("name", name) != name:
        raise problem.bad_request(f"the URL names '{name}', the object is called '{metadata['name']}'")
    if kind.namespaced and metadata.get("namespace", namespace) != namespace:
        raise problem.bad_request(f"the URL names namespace '{namespace}', the object '{metadata['namespace']}'")
    metadata["name"] = name
    if kind.namespaced:
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)
    found = msgspec.structs.replace(target, kind=kind, namespace=namespace if kind.namespaced else "", name=name)
    return found, tree


def served(tree: Object, target: Target) -> Object:
    """The object in the version of the URL: objects are stored once, whatever version they came in."""
    return {**tree, "apiVersion": target.api_version, "kind": tree.get("kind", target.kind.kind)}


def kind_sent(target: Target, tree: Object) -> Kind:
    """The kind of an object that was sent to a URL. Raises ApiError."""
    written = tree.get("kind")
    if target.kind.kind:
        if written not in (None, target.kind.kind):
            raise problem.bad_request(f"the URL is of kind '{target.kind.kind}', the object of kind '{written}'")
        return target.kind
    if not isinstance(written, str) or not written:
        raise problem.bad_request("the object has no 'kind'")
    return kind_or_unknown(target.group, written, target.version)


def stored_version(target: Target) -> str:
    """The apiVersion in which an object is kept."""
    known = kind_of(target.kind.group, target.kind.kind)
    if known is None:
        return target.api_version
    return target.api_version if target.version in known.versions and target.group == known.group else known.api_version


def revision_sent(metadata: Object) -> int | None:
    """The revision that a writer saw; None where it does not say. Raises ApiError."""
    text = metadata.get("resourceVersion")
    if not text:
        return None
    if not str(text).isdigit():
        raise problem.bad_request(f"resourceVersion '{text}' is no revision")
    return int(text)


def expect(target: Target, old: Object | None, expected: int | None) -> None:
    """Raises ApiError where the object is not at the revision that the writer saw."""
    found = int(old["metadata"]["resourceVersion"]) if old else 0
    if expected is not None and expected != found:
        raise problem.conflict(target.kind, target.name)


def same(tree: Object, old: Object) -> bool:
    """Whether a write would change nothing but what the store counts."""
    kept = {name: old["metadata"].get(name) for name in ("resourceVersion", "generation", "uid", "creationTimestamp")}
    return {**tree, "metadata": {**tree["metadata"], **kept}} == old


def seen(old: Object, tree: Object) -> Object:
    """Metadata for a status write: the old one, with the revision that the writer saw."""
    metadata: Object = {k: v for k, v in old["metadata"].items() if k != "resourceVersion"}
    sent = part(tree, "metadata")
    return metadata | {k: sent[k] for k in ("resourceVersion", "uid") if k in sent}
