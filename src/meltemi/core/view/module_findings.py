"""What is to be said of modules that are fetched.

Place:  compose/modules, shell/modules → [view/module_findings] → pipeline/findings
"""

from meltemi.core.check.report import ROOT, at, error, note, on, warning
from meltemi.core.compose.extension import extension, extension_heads
from meltemi.core.compose.modules import module, pull_terms, source_of
from meltemi.core.engine.engine import Engine
from meltemi.core.model.document import Key, Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.module import FoundModule

_TIP = "see: meltemi code M2711"


def module_findings(e: Engine) -> tuple[Finding, ...]:
    """A finding for each extension whose module did not come."""
    return tuple(finding for head in e.get(extension_heads) for finding in e.get(findings_of, head.key))


def findings_of(e: Engine, key: Key) -> tuple[Finding, ...]:
    """Those of one document."""
    spec = e.get(extension, key)
    source = source_of(spec.wasm, key.namespace) if spec and spec.wasm else None
    if source is None:
        return ()
    place = ROOT if key.kind == "WasmPlugin" else at(ROOT, "wasm")
    terms = e.get(pull_terms, source)
    if isinstance(terms, str):
        return (on(key, warning("M2711", at(place, "imagePullSecret"), f"nothing is fetched: {terms}", _TIP)),)
    found = e.get(module, source)
    if found is None:
        message = f"the module at {source.url!r} has not been fetched: until then 'failStrategy' decides"
        return (on(key, note("M2711", at(place, "url"), message)),)
    return (on(key, _failed(source.url, found, place)),) if found.fault else ()


def _failed(url: str, found: FoundModule, place: Path) -> Finding:
    if found.mismatch:
        tip = "write the checksum of the module that is meant, or of an image the digest of its manifest"
        return error("M2713", at(place, "sha256"), f"not what is at {url!r}: {found.fault}", tip)
    left = "the last one runs" if found.digest else "there is none yet: 'failStrategy' decides"
    return warning("M2711", at(place, "url"), f"the module at {url!r} cannot be fetched: {found.fault}; {left}", _TIP)
