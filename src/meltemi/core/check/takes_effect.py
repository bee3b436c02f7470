"""What takes effect, as Markdown: the catalogue of kinds, and the fields without effect.

Place:  model/kinds, check/effect → [check/takes_effect] → docs/reference/what-takes-effect.md (scripts/reference)
"""

from collections.abc import Iterator

from meltemi.core.check.effect import DEPRECATED, WITHOUT_EFFECT
from meltemi.core.model.kinds import KINDS, Kind, KindRole
from meltemi.core.parse.mesh import IDLE, KEPT, KEPT_OF_HEADERS, KEPT_OF_PROVIDERS, KEPT_OF_PROXIES, REASONS

_HEAD = """# What takes effect

Generated from `core/model/kinds.py`, `core/check/effect.py` and `core/parse/mesh.py`
by `scripts/reference`; do not edit.
What is written and has no effect yet is stored, and named by a finding (M1301 to M1304): nothing is silent.
"""


def reference() -> str:
    """docs/reference/what-takes-effect.md, which a test keeps equal to this."""
    sections = (
        ("Kinds that take effect", "Read strictly: an unknown field is an error.", _kinds(KindRole.MESH)),
        (
            "Kinds of Kubernetes",
            "Read as far as the mesh and the embedded node need it; everything else in them is kept as it is.",
            _kinds(KindRole.KUBE),
        ),
        ("Fields without effect", "Of the kinds that take effect; `[]` is any item of a list.", _idle()),
        ("Old forms", "They take effect as the form of today does.", _old()),
        ("Mesh settings without effect", "Of `MeshConfig`; all others take effect.", _settings()),
        ("Kinds without effect", "Known by name and stored.", _kinds(KindRole.LATER)),
    )
    return "\n".join((_HEAD, *(_section(*one) for one in sections)))


def _section(title: str, text: str, rows: Iterator[str]) -> str:
    listed = "\n".join(rows)
    return f"## {title}\n\n{text}\n\n{listed}\n"


def _kinds(role: KindRole) -> Iterator[str]:
    yield "| kind | group | versions | names |"
    yield "|---|---|---|---|"
    for kind in KINDS:
        if kind.role is role:
            versions = ", ".join(kind.versions + tuple(f"{g}/{v}" for g, v in kind.old_groups))
            yield f"| {kind.kind} | {_code(kind.group)} | {versions} | {_names(kind)} |"


def _names(kind: Kind) -> str:
    return ", ".join(_code(name) for name in (kind.plural, *kind.short_names))


def _idle() -> Iterator[str]:
    yield "| kind | field of `spec` | what to do instead |"
    yield "|---|---|---|"
    for kind, fields in sorted(WITHOUT_EFFECT.items()):
        for path, instead in sorted(fields.items()):
            yield f"| {kind} | {_code(path)} | {instead} |"


def _old() -> Iterator[str]:
    yield "| kind | field of `spec` | today |"
    yield "|---|---|---|"
    for kind, fields in sorted(DEPRECATED.items()):
        for path, (_, today) in sorted(fields.items()):
            yield f"| {kind} | {_code(path)} | {_code(today) or 'remove it'} |"


def _settings() -> Iterator[str]:
    places = (
        ("", KEPT | IDLE),
        ("defaultConfig.", KEPT_OF_PROXIES),
        ("defaultConfig.proxyHeaders.", KEPT_OF_HEADERS),
        ("extensionProviders[].", KEPT_OF_PROVIDERS),
    )
    for place, names in places:
        for name in sorted(names):
            yield f"- `{place}{name}`" + (f": {REASONS[name]}" if name in REASONS else "")


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
