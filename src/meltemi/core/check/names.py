"""Rules for names: hosts, labels, ports, namespaces, addresses.

Place:  [check/names] → all of check
Source: Istio, pkg/config/labels and pkg/config/validation: letters of both cases count as DNS label characters there.
"""

import ipaddress
import re
from collections.abc import Iterator

from meltemi.core.check.report import error
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.tree import field

_LABEL_PATTERN = r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?"
_LABEL = re.compile(_LABEL_PATTERN + r"\Z")
_WILDCARD_LABEL = re.compile(rf"(?:\*|(?:\*-?)?{_LABEL_PATTERN})\Z")
_OUTBOUND_SNI = re.compile(r"outbound_\.[0-8].*")
_QUALIFIED = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")
_SUBDOMAIN = re.compile(rf"{_LABEL_PATTERN}(?:\.{_LABEL_PATTERN})*\Z")

MAX_HOST = 255
MAX_LABEL = 63


def is_label(name: str) -> bool:
    """One part of a DNS name."""
    return len(name) <= MAX_LABEL and bool(_LABEL.match(name))


def is_address(text: str) -> bool:
    """An IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_subnet(text: str) -> bool:
    """An IP address, or a range as address/bits."""
    address, slash, bits = text.partition("/")
    if not slash:
        return is_address(text)
    if not is_address(address) or not bits.isdecimal() or (len(bits) > 1 and bits[0] == "0"):
        return False
    return int(bits) <= (128 if ":" in address else 32)


def host_fault(name: str, *, wildcard: bool) -> str:
    """Why a text is no host name, or "". `wildcard`: its first part may be `*`, or begin with `*`."""
    if not name:
        return "the host is empty"
    if len(name) > MAX_HOST:
        return f"the host has {len(name)} characters, at most {MAX_HOST} are allowed"
    first, dot, rest = name.partition(".")
    if not wildcard:
        return _labels_fault(name, name)
    if not _WILDCARD_LABEL.match(first) or len(first) > MAX_LABEL:
        return f"{first!r} in host {name!r} is no part of a DNS name"
    return _labels_fault(rest, name) if dot else ""


def _labels_fault(domain: str, name: str) -> str:
    parts = domain.split(".")
    if parts[-1].isdecimal():
        return f"host {name!r} ends with a number"
    if parts[-1] == "" and len(parts) > 1:
        parts.pop()  # a final dot says that the name is complete
    for part in parts:
        if not is_label(part):
            return f"{part!r} in host {name!r} is no part of a DNS name"
    return ""


def check_host(name: str, path: Path, *, wildcard: bool = True) -> Iterator[Finding]:
    """A DNS name; with `wildcard`, `*.suffix` too."""
    fault = host_fault(name, wildcard=wildcard)
    if fault:
        yield error("M2001", path, fault, _HOST_TIP)


_HOST_TIP = "parts of letters, digits and '-', at most 63 each, joined by dots"


def check_sni(name: str, path: Path, *, gateway: bool) -> Iterator[Finding]:
    """A server name; gateways also take the names that sidecars make for AUTO_PASSTHROUGH (`outbound_.80_._.host`)."""
    if gateway and name.startswith("outbound_."):
        if not _OUTBOUND_SNI.match(name):
            yield error("M2001", path, f"host {name!r} is no generated server name", "outbound_.PORT_.SUBSET_.HOST")
        return
    yield from check_host(name, path)


def overlap(one: str, other: str) -> bool:
    """Whether some name matches both hosts."""
    if one.startswith("*") and other.startswith("*"):
        return one[1:].endswith(other[1:]) or other[1:].endswith(one[1:])
    if one.startswith("*"):
        return other.endswith(one[1:])
    if other.startswith("*"):
        return one.endswith(other[1:])
    return one == other


def covered(name: str, by: str) -> bool:
    """Whether every name that matches `name` matches `by`."""
    if not by.startswith("*"):
        return name == by
    return (name.removeprefix("*")).endswith(by[1:])


def check_port(number: int | None, path: Path) -> Iterator[Finding]:
    """A TCP port, 1 to 65535; None counts as 0."""
    if not 1 <= (number or 0) <= 65535:
        yield error("M2003", path, f"{number or 0} is no port", "ports are 1 to 65535")


def check_port_name(name: str, path: Path) -> Iterator[Finding]:
    """The name of a port: a DNS label."""
    if not is_label(name):
        yield error("M2012", path, f"{name!r} is no name of a port" if name else "the port has no name", _PORT_TIP)


_PORT_TIP = "at most 63 letters, digits and '-', a letter or digit at both ends"


def check_address(text: str, path: Path) -> Iterator[Finding]:
    """An IP address."""
    if not is_address(text):
        yield error("M2008", path, f"{text!r} is no IP address")


def check_subnet(text: str, path: Path) -> Iterator[Finding]:
    """An IP address or a range."""
    if not is_subnet(text):
        yield error("M2008", path, f"{text!r} is no IP address and no range like '10.1.0.0/16'")


def check_unix(text: str, path: Path) -> Iterator[Finding]:
    """What follows `unix://`: an absolute path of a file, or `@name`."""
    if not text.startswith("@") and (not text.startswith("/") or text.endswith("/")):
        yield error("M2016", path, f"{text!r} is no absolute path of a file", "write 'unix:///path' or 'unix://@name'")


def check_labels(labels: tuple[tuple[str, str], ...], path: Path) -> Iterator[Finding]:
    """Labels as Kubernetes allows them."""
    for name, value in labels:
        if not _is_label_name(name):
            yield error("M2009", field(path, name), f"{name!r} is no name of a label", _LABEL_TIP)
        if value and not (len(value) <= MAX_LABEL and _QUALIFIED.match(value)):
            yield error("M2009", field(path, name), f"{value!r} is no value of a label", _LABEL_TIP)


_LABEL_TIP = "at most 63 letters, digits, '-', '_' and '.', a letter or digit at both ends"


def _is_label_name(name: str) -> bool:
    prefix, slash, word = name.rpartition("/")
    if slash and not (len(prefix) <= 253 and _SUBDOMAIN.match(prefix)):
        return False
    return len(word) <= MAX_LABEL and bool(_QUALIFIED.match(word))


def check_selector(labels: tuple[tuple[str, str], ...], path: Path) -> Iterator[Finding]:
    """Labels that select: no empty names, and `*` does not mean anything there."""
    for name, value in labels:
        if not name:
            yield error("M2015", path, "a label to select by has no name")
        elif "*" in name + value:
            yield error("M2015", field(path, name), "'*' has no meaning in a selector", "name the labels in full")
