"""CPU time of this process, and tables.

Place:  bench · used by bench/{compile,push}
"""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class Spent:
    """Milliseconds of CPU that a block took."""

    ms = 0.0


@contextmanager
def cpu() -> Iterator[Spent]:
    """Measure a block, with garbage of earlier ones out of the way."""
    spent = Spent()
    gc.collect()
    start = time.process_time()
    yield spent
    spent.ms = (time.process_time() - start) * 1000


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """As Markdown; numbers with few digits."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *([_cell(one) for one in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
