"""Rules → the text that `iptables-restore --noflush` applies at one stroke, so that they stand once however often.

Place:  inject · capture → [restore] → shell/agent/iptables
"""

from collections.abc import Iterator

from meltemi.core.inject.capture import NAT, RAW, Rule

PREFIX = "ISTIO_"
TABLES = (NAT, RAW)


def restore_text(rules: tuple[Rule, ...], *, saved: str = "") -> str:
    """Input of iptables-restore. `saved`: what iptables-save printed; rules and chains of ours in it are replaced."""
    return "".join(
        _table(table, tuple(r for r in rules if r.table == table), _section(saved, table)) for table in TABLES
    )


def words(text: str) -> tuple[str, ...]:
    """A flag's comma-separated list; blanks around words and empty words are dropped."""
    return tuple(w for w in (part.strip() for part in text.split(",")) if w)


def _table(table: str, rules: tuple[Rule, ...], saved: tuple[str, ...]) -> str:
    chains = dict.fromkeys(r.chain for r in rules if r.chain.startswith(PREFIX))
    targets = {r.spec[-1]: None for r in rules if r.spec[-1].startswith(PREFIX)}
    lines = [*_removals(saved, rules), *(f"-N {c}" for c in {**chains, **targets})]
    lines += [f"{'-I' if r.first else '-A'} {r.chain}{' 1' if r.first else ''} {' '.join(r.spec)}" for r in rules]
    return _block(table, lines)


def _block(table: str, lines: list[str]) -> str:
    return "\n".join([f"*{table}", *lines, "COMMIT", ""]) if lines else ""


def _removals(saved: tuple[str, ...], rules: tuple[Rule, ...]) -> list[str]:
    # Rules in front of built-in chains carry no name of ours: they are known by being the ones we are about to make.
    ours = {f"-A {r.chain} {' '.join(r.spec)}" for r in rules if r.first}
    jumps = [s for s in saved if s.startswith("-A ") and not s.startswith(f"-A {PREFIX}")]
    lines = [s.replace("-A", "-D", 1) for s in jumps if f"-j {PREFIX}" in s or s in ours]
    chains = [s[1:].split()[0] for s in saved if s.startswith(f":{PREFIX}")]
    return [*lines, *(f"-F {c}" for c in chains), *(f"-X {c}" for c in chains)]


def _section(saved: str, table: str) -> tuple[str, ...]:
    return tuple(_lines(saved, table))


def _lines(saved: str, table: str) -> Iterator[str]:
    inside = False
    for line in saved.splitlines():
        if line.startswith("*"):
            inside = line.strip() == f"*{table}"
        elif inside:
            yield line.strip()
