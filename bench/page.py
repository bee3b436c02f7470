"""Parts of docs/reference/performance.md, each measured by a command of its own.

Place:  bench · {crowd/{command,churn},ondemand/command} → [page] → the page
"""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs/reference/performance.md"


def keep(heading: str, text: str) -> None:
    """Put a part in the place of the one with its heading (`##`), or at the end."""
    page, part = PAGE.read_text(), f"## {heading}\n\n{text.strip()}\n"
    old = re.compile(rf"^## {re.escape(heading)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if old.search(page):
        page = old.sub(lambda _: part + "\n", page, count=1).rstrip("\n") + "\n"
    else:
        page = f"{page.rstrip()}\n\n{part}"
    PAGE.write_text(page)
