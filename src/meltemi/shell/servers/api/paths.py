"""What a URL names: a kind, a version of it, and one object or all.

Place:  servers/api · URL → [paths] → app
Source: Kubernetes, API concepts, "Resource URIs".
"""

from meltemi.core.model.document import Key
from meltemi.core.model.kinds import KINDS, Kind, KindRole, kind_by_plural
from meltemi.core.model.value import Value


class Target(Value, frozen=True, kw_only=True):
    """What a URL names."""

    kind: Kind
    group: str
    """As in the URL: `extensions` for Deployments of old."""
    version: str
    namespace: str = ""
    """Empty: all namespaces, or none."""
    name: str = ""
    """Empty: all objects."""
    sub: str = ""
    """`status`, or nothing."""

    @property
    def api_version(self) -> str:
        """What objects are served as."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def key(self, name: str = "", namespace: str = "") -> Key:
        """Of the object named, or of one of the kind."""
        return key_of(self.kind, namespace or self.namespace, name or self.name)


def key_of(kind: Kind, namespace: str, name: str) -> Key:
    """The key of an object; kinds without namespaces have none in their keys."""
    return Key(group=kind.group, kind=kind.kind, namespace=namespace if kind.namespaced else "", name=name)


def read_path(group: str, version: str, rest: str) -> Target | None:
    """The part of a URL behind the version; None where it names nothing."""
    words = [word for word in rest.split("/") if word]
    namespace = ""
    if len(words) > 2 and words[0] == "namespaces" and words[2] != "status":
        namespace, words = words[1], words[2:]
    if not 1 <= len(words) <= 3 or (len(words) == 3 and words[2] != "status"):
        return None
    plural, name, sub = (*words, "", "")[:3]
    kind = known(group, plural) or _stranger(group, version, plural)
    return Target(kind=kind, group=group, version=version, namespace=namespace, name=name, sub=sub)


def known(group: str, plural: str) -> Kind | None:
    """The kind of a plural, also by a group that it had once."""
    return kind_by_plural(group, plural) or next(
        (kind for kind in KINDS if kind.plural == plural and any(old == group for old, _ in kind.old_groups)), None
    )


def _stranger(group: str, version: str, plural: str) -> Kind:
    """A kind that nobody knows: its name is not in the URL, so the plural stands for it until an object tells."""
    return Kind(group=group, kind="", versions=(version,), plural=plural, singular=plural, role=KindRole.UNKNOWN)
