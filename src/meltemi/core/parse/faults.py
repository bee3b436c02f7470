"""What is collected while a document gets its type: findings that know their path.

Place:  [parse/faults] → parse/decode, parse/documents
"""

from collections.abc import Iterable
from difflib import get_close_matches

from meltemi.core.model.document import Key, Path
from meltemi.core.model.finding import Finding, Severity


class Faults:
    """All findings of one document, in the order found. Mutable, and never leaves parse."""

    def __init__(self, key: Key | None = None) -> None:
        self.key = key
        self.found: list[Finding] = []

    def error(self, code: str, path: Path, message: str, tip: str = "", *, about_name: bool = False) -> None:
        """Note an error."""
        self.add(Severity.ERROR, code, path, message, tip, about_name=about_name)

    def add(
        self, severity: Severity, code: str, path: Path, message: str, tip: str = "", *, about_name: bool = False
    ) -> None:
        """Note a finding of any severity."""
        self.found.append(
            Finding(
                code=code,
                severity=severity,
                message=message,
                help=tip,
                key=self.key,
                path=path,
                about_name=about_name,
            )
        )


def did_you_mean(word: str, known: Iterable[str], *, listed: int = 12) -> str:
    """A help that names the nearest known word, or all of them where they are few, or nothing."""
    words = sorted(str(one) for one in known)  # members of enums too
    folded = {known_word.lower(): known_word for known_word in words}
    near = folded.get(word.lower()) or next(iter(get_close_matches(word, words, n=1, cutoff=0.6)), None)
    if near:
        return f"did you mean {near!r}?"
    return f"known: {', '.join(words)}" if 0 < len(words) <= listed else ""
