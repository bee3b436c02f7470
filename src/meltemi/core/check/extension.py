"""Rules for WasmPlugins and TrafficExtensions.

Place:  parse → [check/extension] → check/document
Source: Istio, pkg/config/validation, validateWasmPlugin* and ValidateTrafficExtension; its CRDs, for lengths.
"""

import re
from collections.abc import Iterator

from meltemi.core.check.names import check_port
from meltemi.core.check.report import ROOT, at, error, required, warning
from meltemi.core.check.target_refs import check_place
from meltemi.core.model.document import Path
from meltemi.core.model.finding import Finding
from meltemi.core.model.traffic.extension import (
    EnvValueSource,
    PullPolicy,
    TrafficExtension,
    TrafficSelector,
    VmConfig,
    WasmConfig,
    WasmPlugin,
)

SCHEMES = ("oci", "file", "http", "https")
MAX_NAME = 256
MAX_LUA = 65536
"""Bytes."""
MAX_ENV = 256
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def check_wasm_plugin(plugin: WasmPlugin) -> Iterator[Finding]:
    """For whom, and what."""
    yield from check_place(plugin.selector, plugin.target_ref, plugin.target_refs)
    yield from _check_match(plugin.match, at(ROOT, "match"))
    yield from _check_wasm(plugin, ROOT)


def check_traffic_extension(extension: TrafficExtension) -> Iterator[Finding]:
    """For whom, and either a module or a script."""
    yield from check_place(extension.selector, None, extension.target_refs)
    yield from _check_match(extension.match, at(ROOT, "match"))
    if extension.wasm:
        yield from _check_wasm(extension.wasm, at(ROOT, "wasm"))
    elif extension.lua:
        yield from _check_lua(extension.lua.inline_code, at(ROOT, "lua"))
    else:
        yield error("M2013", ROOT, "there is nothing to run", "write 'wasm' or 'lua'")


def _check_match(selectors: tuple[TrafficSelector, ...], path: Path) -> Iterator[Finding]:
    for i, selector in enumerate(selectors):
        for j, port in enumerate(selector.ports):
            yield from check_port(port.number, at(path, i, "ports", j, "number"))


def _check_wasm(wasm: WasmConfig, path: Path) -> Iterator[Finding]:
    yield from _check_url(wasm.url, path)
    if wasm.sha256 and not _SHA256.fullmatch(wasm.sha256):
        yield error(
            "M2710", at(path, "sha256"), f"{wasm.sha256!r} is no SHA-256", "write its 64 digits: 0 to 9, a to f"
        )
    yield from _check_fetched(wasm, path)
    if len(wasm.plugin_name) > MAX_NAME:
        yield error("M2710", at(path, "pluginName"), f"the name is longer than {MAX_NAME} characters")
    if wasm.vm_config:
        yield from _check_env(wasm.vm_config, at(path, "vmConfig", "env"))


def _check_url(url: str, path: Path) -> Iterator[Finding]:
    if not url:
        yield required(path, "url")
        return
    scheme, found, _ = url.partition("://")
    if found and scheme not in SCHEMES:
        tip = f"known: {', '.join(SCHEMES)}; without any, it is an OCI image"
        yield error("M2710", at(path, "url"), f"modules cannot be fetched from {scheme}://", tip)
    elif _NO_ESCAPE.search(url):
        yield error("M2710", at(path, "url"), f"{url!r} is no URL", "'%' is followed by two hexadecimal digits")


def _check_fetched(wasm: WasmConfig, path: Path) -> Iterator[Finding]:
    """What says something of a module that comes from elsewhere, or from a registry."""
    scheme, found, _ = wasm.url.partition("://")
    file = scheme == "file" and bool(found)
    if file and wasm.sha256:
        yield _idle(at(path, "sha256"), "a file of the proxy is run as it is")
    if file and wasm.image_pull_policy is not PullPolicy.UNSPECIFIED_POLICY:
        yield _idle(at(path, "imagePullPolicy"), "nothing is fetched")
    if wasm.image_pull_secret and found and scheme != "oci":
        yield _idle(at(path, "imagePullSecret"), "no registry is asked")


def _idle(path: Path, why: str) -> Finding:
    return warning("M1303", path, f"{path.rpartition('.')[2]!r} has no effect here", why)


def _check_env(config: VmConfig, path: Path) -> Iterator[Finding]:
    if len(config.env) > MAX_ENV:
        yield error("M2710", path, f"{len(config.env)} variables, and at most {MAX_ENV} are possible")
    seen: set[str] = set()
    for i, variable in enumerate(config.env):
        place = at(path, i)
        if not variable.name:
            yield required(place, "name")
        elif variable.name in seen:
            yield error("M2710", at(place, "name"), f"{variable.name!r} is set twice", "remove one of the two")
        if variable.value and variable.value_from is EnvValueSource.HOST:
            yield error("M2710", at(place, "value"), "the value comes from the host", "remove 'value'")
        seen.add(variable.name)


def _check_lua(code: str, path: Path) -> Iterator[Finding]:
    if not code:
        yield required(path, "inlineCode")
    elif len(code.encode()) > MAX_LUA:
        yield error("M2710", at(path, "inlineCode"), f"the script is longer than {MAX_LUA} bytes")
