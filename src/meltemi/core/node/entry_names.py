"""Names of services that are no Services: what is answered to workloads whose questions the mesh captures.

Place:  node · ServiceEntries → [entry_names] → dns_table
Source: Istio, "DNS Proxying"; model/registry/automatic for services without addresses
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import cast

from meltemi.core.model.registry.automatic import Nameless, allocated, wanting
from meltemi.core.model.value import Value
from meltemi.core.node.objects import Object, Tree, labels_of, meta, spec

GROUP, KIND = "networking.istio.io", "ServiceEntry"


class Shown(Value, frozen=True, kw_only=True, array_like=True):
    """What a name means for workloads of some namespaces."""

    addresses: tuple[str, ...]
    namespaces: tuple[str, ...] = ("*",)


def entry_names(objects: Iterable[Object]) -> Mapping[str, tuple[Shown, ...]]:
    """Host → what it means, the oldest ServiceEntry's first. Hosts with a wildcard are among them."""
    entries = sorted((o for o in objects if (o.key.group, o.key.kind) == (GROUP, KIND)), key=_age)
    own = allocated(Nameless(age=_age(o), hosts=_wanting(o.tree)) for o in entries)
    found: defaultdict[str, list[Shown]] = defaultdict(list)
    for one in entries:
        addresses = tuple(a for text in _texts(one.tree, "addresses") if (a := _single(text)))
        namespaces = tuple(_namespaces(one))
        for host in dict.fromkeys(host.lower() for host in _texts(one.tree, "hosts")):
            if here := addresses or ((own[host],) if host in _wanting(one.tree) and host in own else ()):
                found[host].append(Shown(addresses=here, namespaces=namespaces))
    return {host: tuple(shown) for host, shown in sorted(found.items())}


def _age(one: Object) -> tuple[str, str, str]:
    return str(meta(one.tree).get("creationTimestamp") or "\uffff"), one.key.name, one.key.namespace


def _wanting(tree: Tree) -> tuple[str, ...]:
    return wanting(
        _texts(tree, "hosts"),
        addresses=bool(_texts(tree, "addresses")),
        resolution=str(spec(tree).get("resolution") or ""),
        labels=labels_of(tree),
    )


def _texts(tree: Tree, name: str) -> tuple[str, ...]:
    written: object = spec(tree).get(name)
    return tuple(map(str, cast("list[object]", written))) if isinstance(written, list) else ()


def _single(text: str) -> str:
    """An address, or a range of one address; the resolver speaks of IPv4 only."""
    address, _, length = text.partition("/")
    try:
        return str(IPv4Address(address)) if length in ("", "32") else ""
    except AddressValueError:
        return ""


def _namespaces(one: Object) -> Iterator[str]:
    for name in _texts(one.tree, "exportTo") or ("*",):
        yield one.key.namespace if name == "." else name
