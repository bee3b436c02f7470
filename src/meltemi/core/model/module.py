"""Where a module of WebAssembly comes from, what came, and where proxies find it.

Place:  model · ModuleSource from compose/modules to shell/modules; FoundModule back as an engine input
"""

from meltemi.core.model.value import Value

FOLDER = "/var/run/meltemi-modules"
"""Of fetched modules, in the proxy's container."""
SUFFIX = ".wasm"


class ModuleSource(Value, frozen=True, kw_only=True, order=True):
    """One address to fetch a module from."""

    url: str
    """`http://`, `https://` or `oci://`."""
    sha256: str = ""
    """What must come: the module's, of an image the manifest's. Empty: anything."""
    changes: bool = False
    """It is looked at again and again: what is at the address may be another module next time."""
    secret: str = ""
    """`namespace/name` of the Secret with what the registry wants to hear."""


class PullTerms(Value, frozen=True, kw_only=True):
    """On what terms a module is fetched."""

    basic: str = ""
    """User and password for its registry, as `Authorization: Basic` says them."""


class FoundModule(Value, frozen=True, kw_only=True):
    """What is known of a source."""

    digest: str = ""
    """SHA-256 of the last sound module, by which its file is called; empty where none ever came."""
    fault: str = ""
    """Why the last fetch failed; empty where it did not."""
    mismatch: bool = False
    """It failed because something else came than `sha256` says."""
