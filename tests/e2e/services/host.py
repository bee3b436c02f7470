"""A machine in a network namespace: pods with a veth each, and the node's services on it.

Place:  tests/e2e · used by the tests of Services' addresses, names and the clean-up
"""

import subprocess
import sys

from meltemi.core.node.settings import NodeSettings

HTTP = (
    "import http.server as h,sys\n"
    "class H(h.BaseHTTPRequestHandler):\n"
    "  def do_GET(s):\n"
    "    s.send_response(200);s.end_headers();s.wfile.write((sys.argv[1]+' '+s.client_address[0]).encode())\n"
    "  def log_message(s,*a):pass\n"
    "h.ThreadingHTTPServer(('0.0.0.0',int(sys.argv[2])),H).serve_forever()"
)


class Host:
    """Everything happens in namespaces `NAME` (the machine), `NAME-POD` and `NAME-world` (what is outside)."""

    def __init__(self, name: str, settings: NodeSettings) -> None:
        self.name = name
        self.settings = settings
        self._spaces: list[str] = []
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Host":
        self._space(self.name)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            process.kill()
            process.wait()
        for space in self._spaces:
            subprocess.run(["ip", "netns", "delete", space], check=False)

    def _space(self, space: str) -> None:
        subprocess.run(["ip", "netns", "delete", space], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "netns", "add", space], check=True)
        self._spaces.append(space)
        self.ip("link", "set", "lo", "up", at=space)

    def ip(self, *arguments: str, at: str = "") -> str:
        return self.run("ip", *arguments, at=at or self.name)

    def run(self, *command: str, at: str = "", text: str = "", status: tuple[int, ...] = (0,)) -> str:
        """Run a program on the machine, or in another namespace."""
        whole = ["ip", "netns", "exec", at or self.name, *command]
        done = subprocess.run(whole, input=text, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode in status, (command, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def start(self, *command: str, at: str = "") -> subprocess.Popen[bytes]:
        process = subprocess.Popen(["ip", "netns", "exec", at or self.name, *command])
        self._running.append(process)
        return process

    def pod(self, number: int) -> str:
        """A pod with address 198.18.0.NUMBER; the name of its namespace."""
        space, address = f"{self.name}-{number}", f"198.18.0.{number}"
        self._space(space)
        outer = f"{self.settings.veth_prefix}{number}"
        self.ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", space)
        self.ip("link", "set", outer, "up")
        self.ip("route", "add", address, "dev", outer)
        self.ip("address", "add", f"{address}/32", "dev", "eth0", at=space)
        self.ip("link", "set", "eth0", "up", at=space)
        self.ip("route", "add", "default", "via", self.settings.node_ip, "dev", "eth0", "onlink", at=space)
        return space

    def world(self) -> str:
        """What is outside the machine: 203.0.113.1 there, 203.0.113.2 here."""
        space = f"{self.name}-world"
        self._space(space)
        self.ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", space)
        for where, address in ((self.name, "203.0.113.2/24"), (space, "203.0.113.1/24")):
            self.ip("address", "add", address, "dev", "eth0", at=where)
            self.ip("link", "set", "eth0", "up", at=where)
        return space

    def serve(self, space: str, word: str, port: int) -> None:
        """An HTTP server that says its word and who asked."""
        self.start(sys.executable, "-c", HTTP, word, str(port), at=space)

    def curl(self, url: str, *, at: str = "", status: tuple[int, ...] = (0,)) -> str:
        """What a URL gives; status 7 is a refused connection."""
        retry = ("--retry", "20", "--retry-delay", "0", "--retry-connrefused", "--retry-max-time", "5")
        return self.run("curl", "-sS", "-m", "5", *(retry if status == (0,) else ()), url, at=at, status=status)
