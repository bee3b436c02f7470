"""Which modules of WebAssembly are to be fetched, and what is known of them.

Place:  compose/extension → [compose/modules] → shell/modules, view/{extension,module_findings}
Source: Istio, reference, "WasmPlugin": a URL without scheme is an OCI image; a module is fetched again by
        `imagePullPolicy: Always`, and of an image with tag `latest` or none, if nothing says which one it must be
"""

import base64

import msgspec

from meltemi.core.compose.extension import extension, extension_heads
from meltemi.core.compose.inputs import read_as
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key
from meltemi.core.model.kube.namespace import Secret
from meltemi.core.model.module import FoundModule, ModuleSource, PullTerms
from meltemi.core.model.traffic.extension import PullPolicy, WasmConfig
from meltemi.core.model.value import Value

OCI = "oci://"
FILE = "file://"
_ENTRY = ".dockerconfigjson"
_DOCKER = ("docker.io", "index.docker.io", "registry-1.docker.io")
"""Names of one registry."""


class _DockerAuth(Value, frozen=True):
    auth: str = ""
    username: str = ""
    password: str = ""


class _DockerConfig(Value, frozen=True):
    auths: dict[str, _DockerAuth]


def source_of(wasm: WasmConfig, namespace: str) -> ModuleSource | None:
    """Where a module is fetched from; None for a file of the proxy."""
    if wasm.url.startswith(FILE):
        return None
    url = wasm.url if "://" in wasm.url else OCI + wasm.url
    image = url.startswith(OCI)
    fixed = bool(wasm.sha256) or (image and "@" in url)
    policy = wasm.image_pull_policy
    latest = image and policy is PullPolicy.UNSPECIFIED_POLICY and _tag(url) in ("", "latest")
    return ModuleSource(
        url=url,
        sha256=wasm.sha256,
        changes=not fixed and (policy is PullPolicy.ALWAYS or latest),
        secret=f"{namespace}/{wasm.image_pull_secret}" if image and wasm.image_pull_secret else "",
    )


def _tag(url: str) -> str:
    return url.rpartition("/")[2].partition("@")[0].partition(":")[2]


def registry_of(url: str) -> str:
    """The registry of an image; what has no dot, no port and is not `localhost` is a name of Docker's."""
    host, found, _ = url.removeprefix(OCI).partition("/")
    return host if found and ("." in host or ":" in host or host == "localhost") else _DOCKER[0]


def module_sources(e: Engine) -> tuple[tuple[ModuleSource, PullTerms], ...]:
    """Every address that a module is fetched from, sorted. One whose Secret is of no use is left alone."""
    found: dict[ModuleSource, PullTerms] = {}
    for head in e.get(extension_heads):
        spec = e.get(extension, head.key)
        source = source_of(spec.wasm, head.key.namespace) if spec and spec.wasm else None
        terms = e.get(pull_terms, source) if source else None
        if source and isinstance(terms, PullTerms):
            found[source] = terms
    return tuple(sorted(found.items()))


def module(e: Engine, source: ModuleSource) -> FoundModule | None:
    """What is known of a source; None where nobody has fetched yet."""
    found = e.read(("module", source))
    return found if isinstance(found, FoundModule) else None


def pull_terms(e: Engine, source: ModuleSource) -> PullTerms | str:
    """What the registry is told; a text says why there is nothing to tell, though a Secret is named."""
    if not source.secret:
        return PullTerms()
    namespace, _, name = source.secret.partition("/")
    found = read_as(e, Key(group="", kind="Secret", namespace=namespace, name=name), Secret)
    if found is None:
        return f"there is no Secret {name!r} in namespace {namespace!r}"
    data = dict(found.spec.data) | {key: text.encode() for key, text in found.spec.string_data}
    basic = _basic(data.get(_ENTRY, b""), registry_of(source.url))
    return PullTerms(basic=basic) if basic else f"Secret {name!r} says nothing of {registry_of(source.url)!r}"


def _basic(text: bytes, registry: str) -> str:
    """Source: Kubernetes, `kubernetes.io/dockerconfigjson`."""
    try:
        auths = msgspec.json.decode(text, type=_DockerConfig).auths
        entries = {_host(name): entry for name, entry in auths.items()}
        entry = next((entries[name] for name in _aliases(registry) if name in entries), _DockerAuth())
        said = f"{entry.username}:{entry.password}".encode() if entry.username else base64.b64decode(entry.auth)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return ""
    return base64.b64encode(said).decode()


def _aliases(registry: str) -> tuple[str, ...]:
    return _DOCKER if registry in _DOCKER else (registry,)


def _host(name: str) -> str:
    return name.rpartition("://")[2].partition("/")[0]
