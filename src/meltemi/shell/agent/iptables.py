"""Put the interception rules into the network namespace of this process.

Place:  shell/agent · core/inject/{capture,restore} → [iptables] → the kernel; run by the init container `istio-init`
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from msgspec import structs

from meltemi.core.inject.capture import Capture, rules
from meltemi.core.inject.restore import restore_text, words

_V6_ADDRESSES = Path("/proc/net/if_inet6")
_TOOLS = {4: "iptables", 6: "ip6tables"}


class InterceptionError(Exception):
    """The kernel or its tools refused the rules; the message says what they said."""


def with_environment(capture: Capture, env: Mapping[str, str]) -> Capture:
    """The flags, and what Istio has as variables only (a pod sets them by `proxyMetadata`)."""
    return structs.replace(
        capture,
        owner_groups=words(env.get("ISTIO_OUTBOUND_OWNER_GROUPS", "*")),
        exclude_owner_groups=words(env.get("ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE", "")),
        loopback=env.get("ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR", capture.loopback),
    )


def resolvers(file: Path = Path("/etc/resolv.conf")) -> tuple[str, ...]:
    """The addresses that this pod asks for names."""
    lines = (line.split() for line in file.read_text().splitlines())
    return tuple(parts[1] for parts in lines if len(parts) > 1 and parts[0] == "nameserver")


def apply(capture: Capture, *, dry_run: bool = False) -> None:
    """Make the rules stand, in place of those of an earlier run. `dry_run` prints them only."""
    for version in (4, 6) if has_ipv6() else (4,):
        tool = _TOOLS[version]
        saved = "" if dry_run else _run([f"{tool}-save"])
        text = restore_text(rules(capture, version=version), saved=saved)
        if dry_run:
            sys.stdout.write(f"# {tool}-restore --noflush\n{text}")
        else:
            _run([f"{tool}-restore", "--noflush", "--wait", "30"], text)


def has_ipv6() -> bool:
    """Whether some interface besides loopback has an IPv6 address that can be reached from elsewhere."""
    if not _V6_ADDRESSES.exists():
        return False
    fields = (line.split() for line in _V6_ADDRESSES.read_text().splitlines())
    return any(f[5] != "lo" and f[3] == "00" for f in fields)  # Scope 00 is global, 20 the link only.


def _run(command: list[str], text: str = "") -> str:
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise InterceptionError(f"'{command[0]}' is not installed: install the package 'iptables'") from None
    if done.returncode:
        raise InterceptionError(f"'{command[0]}' failed: {done.stderr.strip()}")
    return done.stdout
