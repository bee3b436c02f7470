"""Kinds and names as users type them, and where the API has them.

Place:  apps/cli · `pods`, `vs/reviews`, `svc,deploy` → kinds, names → paths of the API
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from meltemi.core.model.kinds import KINDS, Kind, kind_named, kind_or_unknown
from meltemi.shell.client import Client

ALL = ("pods", "services", "deployments", "replicasets")
"""What `all` stands for, as kubectl has it."""
ENDINGS = (".yaml", ".yml", ".json")


def client_of(state: Path) -> Client:
    """The API of the mesh in a state directory."""
    return Client(state / "api.sock")


def kind_called(word: str) -> Kind:
    """The kind that a user means. Raises click's usage error."""
    found = kind_named(word)
    if found is None:
        from meltemi.core.parse.faults import did_you_mean

        names = sorted({name for kind in KINDS for name in (kind.plural, *kind.short_names)})
        raise click.UsageError(f"kind {word!r} is not known\n  help: {did_you_mean(word.lower(), names)}")
    return found


def kinds_called(words: str) -> list[Kind]:
    """The kinds of a list with commas."""
    return [kind_called(one) for word in words.split(",") for one in (ALL if word == "all" else (word,))]


def named(arguments: Sequence[str]) -> Iterator[tuple[Kind, str]]:
    """`KIND NAME…` or `KIND/NAME …`: each kind with a name, or with "" for all of them."""
    if any("/" in one for one in arguments):
        for one in arguments:
            kind, _, name = one.partition("/")
            if not name:
                raise click.UsageError(f"{one!r} has no name: write KIND/NAME everywhere, or KIND NAME…")
            yield kind_called(kind), name
        return
    head, *names = arguments
    for kind in kinds_called(head):
        for name in names or [""]:
            yield kind, name


def path_of(kind: Kind, namespace: str = "", name: str = "") -> str:
    """The URL of an object, or of all; without a namespace, of those in all namespaces."""
    head = f"/apis/{kind.group}/{kind.versions[0]}" if kind.group else f"/api/{kind.versions[0]}"
    middle = f"/namespaces/{namespace}" if namespace and kind.namespaced else ""
    return f"{head}{middle}/{kind.plural}" + (f"/{name}" if name else "")


def label(kind: Kind, name: str) -> str:
    """How kubectl names an object: `deployment.apps/reviews-v1`."""
    return f"{kind.singular}.{kind.group}/{name}" if kind.group else f"{kind.singular}/{name}"


def kind_of_object(tree: dict[str, Any]) -> Kind:
    """The kind of an object of the API."""
    group, _, version = str(tree.get("apiVersion", "")).rpartition("/")
    return kind_or_unknown(group, str(tree.get("kind", "")), version)


def pod_named(client: Client, namespace: str, word: str) -> tuple[str, str]:
    """Namespace and name of the pod that `NAME`, `NAME.NAMESPACE`, `pod/NAME` or `deployment/NAME` stands for.

    Raises click's errors where there is none.
    """
    if "/" not in word:
        pod, _, home = word.partition(".")
        return home or namespace, pod
    kind_word, _, name = word.partition("/")
    kind = kind_called(kind_word)
    name, _, home = name.partition(".")
    if kind.kind == "Pod":
        return home or namespace, name
    owner = client.get(path_of(kind, home or namespace, name))
    selector: dict[str, Any] = owner.get("spec", {}).get("selector") or {}
    labels: dict[str, str] = selector.get("matchLabels", selector)
    if not labels:
        raise click.ClickException(f"{label(kind, name)} selects no pods")
    query = {"labelSelector": ",".join(f"{k}={v}" for k, v in labels.items())}
    pods = client.get(path_of(kind_called("pods"), home or namespace), query)["items"]
    alive = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    if not alive:
        raise click.ClickException(f"{label(kind, name)} has no pods")
    return home or namespace, min(alive, key=_unready)["metadata"]["name"]


def files_in(paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file; directories are read with all below them, `-` is standard input."""
    for path in paths:
        if path == "-":
            yield "<stdin>", sys.stdin.buffer.read()
        elif Path(path).is_dir():
            found = (p for p in sorted(Path(path).rglob("*")) if p.suffix in ENDINGS and p.is_file())
            yield from ((str(p), p.read_bytes()) for p in found)
        else:
            yield path, Path(path).read_bytes()


def _unready(pod: dict[str, Any]) -> bool:
    conditions: list[dict[str, Any]] = pod.get("status", {}).get("conditions") or []
    return not any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
