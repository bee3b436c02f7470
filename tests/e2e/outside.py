"""The outside world of a test: a network namespace with a web server, a certificate and names of its own.

Place:  tests/e2e · conftest → tests of services outside the mesh
"""

import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from e2e.mesh import HERE

SPACE, ADDRESS, GATEWAY = "meltemi-outside", "203.0.113.2", "203.0.113.1"
"""Addresses that are free for documentation (RFC 5737)."""
NAME, BOOKS = "outside.example.com", "www.googleapis.com"
WILD = ("a.wild.example.com", "b.wild.example.com")
STORES = {"red.stores.example.com": "203.0.113.3", "blue.stores.example.com": "203.0.113.4"}
"""Each at an address of its own, where it speaks first on port 7000."""
NAMES = dict.fromkeys((NAME, BOOKS, *WILD), ADDRESS) | STORES


class Outside:
    """What a test needs to know of it."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "cert.pem"
        self.resolv_conf = folder / "resolv.conf"

    @property
    def serial(self) -> str:
        """The certificate's serial number, in hex."""
        command = ["openssl", "x509", "-in", str(self.certificate), "-noout", "-serial"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().partition("=")[2]

    @property
    def before_up(self) -> tuple[str, ...]:
        """Runs a program for which the outside world's DNS server is the machine's."""
        program = (
            "import os,subprocess,sys; subprocess.run(['mount','--bind',sys.argv[1],'/etc/resolv.conf'],check=True); "
            "os.execvp(sys.argv[2],sys.argv[2:])"
        )
        return ("unshare", "--mount", sys.executable, "-c", program, str(self.resolv_conf))


@contextmanager
def outside_world() -> Generator[Outside]:
    """Serve until the block ends."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        folder = Path(place)
        folder.chmod(0o755)  # the certificate is for every user, the proxy's too
        with _served(folder) as made:
            yield made


@contextmanager
def _served(folder: Path) -> Generator[Outside]:
    made = Outside(folder)
    key = folder / "key.pem"
    made.resolv_conf.write_text(f"nameserver {ADDRESS}\n")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={NAME}", "-addext", f"subjectAltName={','.join(f'DNS:{name}' for name in NAMES)}",
         "-keyout", str(key), "-out", str(made.certificate)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    for file in (made.certificate, key):
        file.chmod(0o644)  # proxies show it too
    subprocess.run(["ip", "netns", "add", SPACE], check=True)
    try:
        _ip("link", "add", "mlt-outside", "type", "veth", "peer", "name", "eth0", "netns", SPACE)
        _ip("address", "add", f"{GATEWAY}/24", "dev", "mlt-outside")
        _ip("link", "set", "mlt-outside", "up")
        for address in (ADDRESS, *STORES.values()):
            _ip("address", "add", f"{address}/24", "dev", "eth0", at=SPACE)
        _ip("link", "set", "eth0", "up", at=SPACE)
        program = [sys.executable, str(HERE / "apps/outside.py"), str(made.certificate), str(key)]
        server = subprocess.Popen(
            ["ip", "netns", "exec", SPACE, *program, *(f"{name}={at}" for name, at in NAMES.items())]
        )
        yield made
        server.kill()
        server.wait()
    finally:
        subprocess.run(["ip", "netns", "delete", SPACE], check=True)


def _ip(*arguments: str, at: str = "") -> None:
    place = ["-n", at] if at else []
    subprocess.run(["ip", *place, *arguments], check=True, timeout=20)
