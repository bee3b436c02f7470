"""What a proxy calls a virtual host that it asks for on demand.

Place:  xds · used by stream (has it been answered?) and shell/publish (what a workload has called)
Source: Envoy, "Virtual Host Discovery Service (VHDS)": `TABLE/AUTHORITY`, the authority in lower case
"""

import re

NOTHING = "none"
"""Of a table: the name of a virtual host that never is."""
LONGEST = 255
"""Characters of a host name that is remembered (RFC 1035)."""
_HOST = re.compile(r"\[[0-9a-f:.]+\]|[a-z0-9._-]+")
"""No `*`: as a name of a virtual host it would stand for others, and hide on-demand discovery."""


def asked_name(asked: str) -> str | None:
    """`TABLE/HOST` without the port, which does not count in a table; None for what no host can be called."""
    table, _, authority = asked.partition("/")
    ends = authority.rfind(":")
    host = authority[:ends] if ends > authority.rfind("]") else authority
    if len(host) > LONGEST or not table or not _HOST.fullmatch(host):
        return None
    return f"{table}/{host}"
