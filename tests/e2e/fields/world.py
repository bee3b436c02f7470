"""What a test of fields is given: a mesh to configure and a client to ask from.

Place:  tests/e2e/fields · made by conftest
"""

from collections import Counter
from collections.abc import Iterable

from e2e.fields.inside import Inside
from e2e.mesh import Mesh


class World:
    """A mesh that forgets what was applied."""

    def __init__(self, mesh: Mesh, client: Inside) -> None:
        self.mesh = mesh
        self.client = client
        self._applied: dict[tuple[str, str, str], None] = {}
        """In this order."""

    def apply(
        self,
        kind: str,
        name: str,
        spec: str,
        *,
        namespace: str = "default",
        group: str = "networking",
        version: str = "v1",
        annotations: str = "",
    ) -> None:
        """Apply one object, `spec` as YAML without indent, and wait until all proxies have it."""
        self._applied[kind, name, namespace] = None
        indented = "".join(f"  {line}\n" for line in spec.strip("\n").splitlines())
        annotated = f"  annotations: {annotations}\n" if annotations else ""
        self.mesh.apply_text(
            f"apiVersion: {group}.istio.io/{version}\nkind: {kind}\n"
            f"metadata:\n  name: {name}\n  namespace: {namespace}\n{annotated}spec:\n{indented}"
        )

    def virtual_service(self, spec: str, name: str = "echo", namespace: str = "default") -> None:
        """A VirtualService; it speaks for `echo` if it does not say for whom."""
        hosts = "" if "hosts:" in spec else "hosts: [echo]\n"
        self.apply("VirtualService", name, hosts + spec.lstrip("\n"), namespace=namespace)

    def clean(self) -> None:
        """Delete what was applied."""
        for kind, name, namespace in reversed(list(self._applied)):
            self.mesh.run("delete", kind.lower(), name, "-n", namespace)
        self._applied.clear()

    def versions(self, count: int, paths: Iterable[str] = ("/",)) -> Counter[str]:
        """Which version of echo served so many requests."""
        return Counter(self.client.ask("echo", path).body.split()[0] for _ in range(count) for path in paths)
