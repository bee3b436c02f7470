"""The agent's own log: one line a fact, `key=value`, to standard error beside Envoy's.

Place:  shell/agent · used by the whole room
Why not structlog: importing it takes four times as long as all else that the agent needs, in every pod.
"""

import sys
from datetime import UTC, datetime


def log(message: str, **facts: object) -> None:
    """Write one line. Values with blanks are quoted."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    said = "".join(f" {k}={_quoted(v)}" for k, v in facts.items())
    sys.stderr.write(f"{now}Z agent {message}{said}\n")
    sys.stderr.flush()


def _quoted(value: object) -> str:
    text = str(value)
    return repr(text) if not text or any(c.isspace() for c in text) else text
