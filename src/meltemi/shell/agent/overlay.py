"""Changes that EnvoyFilters make of what Envoy starts with; what Envoy refuses of them is left out, and said.

Place:  shell/agent · settings (made by the injector) → [overlay] → run
Source: Istio, EnvoyFilter, applyTo BOOTSTRAP; Protocol Buffers: a merge sets fields and appends to lists
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from meltemi.shell.agent.envoy import command
from meltemi.shell.agent.log import log
from meltemi.shell.agent.settings import Settings

Json = dict[str, Any]
REFUSED = "MELTEMI_BOOTSTRAP_REFUSED"
"""Of the node's metadata: which changes were left out, and Envoy's words. Read by shell/publish."""
MOST_WORDS = 300
"""Characters of Envoy's words."""
PATIENCE = 20.0
"""Seconds for Envoy to judge."""


def merged(base: Any, change: Any, *, replace_lists: bool = False) -> Any:
    """One tree over another: null takes a field away, another `@type` the whole message."""
    if isinstance(base, list) and isinstance(change, list) and not replace_lists:
        return cast("list[Any]", base) + cast("list[Any]", change)
    if not isinstance(base, dict) or not isinstance(change, dict):
        return cast(Any, change)
    old, new = cast(Json, base), cast(Json, change)
    if old.get("@type") != new.get("@type"):
        return new
    made = {name: value for name, value in old.items() if name not in new}
    for name, value in new.items():
        if value is not None:
            made[name] = merged(old.get(name, {}), value, replace_lists=replace_lists)
    return made


async def overlaid(settings: Settings, base: Json, file: Path) -> Json:
    """The bootstrap with all changes that Envoy takes. `file`: where it is written for Envoy to judge."""
    whole = _with(base, settings.bootstrap)
    if not settings.bootstrap or not await _fault(settings, whole, file):
        return whole
    kept: list[Mapping[str, Any]] = []
    refused: list[Json] = []
    for change in settings.bootstrap:
        if fault := await _fault(settings, _with(base, [*kept, change]), file):
            log("a change of the bootstrap is left out", name=change["name"], index=change["index"], reason=fault)
            refused.append({**{k: change[k] for k in ("namespace", "name", "index", "id")}, "reason": fault})
        else:
            kept.append(change)
    made = _with(base, kept)
    return merged(made, {"node": {"metadata": {REFUSED: json.dumps(refused)}}})


def _with(base: Json, changes: Sequence[Mapping[str, Any]]) -> Json:
    for change in changes:
        base = merged(base, change["value"], replace_lists=bool(change.get("replace_lists")))
    return base


async def _fault(settings: Settings, made: Json, file: Path) -> str:
    """Why Envoy would not start with this; empty if it would."""
    _write(made, file)
    judge = await asyncio.create_subprocess_exec(
        *command(settings, file),
        *("--mode", "validate"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            _, said = await judge.communicate()
    except TimeoutError:
        judge.kill()
        await judge.wait()
        return "it was not judged in time"
    return "" if judge.returncode == 0 else _words(said.decode(errors="replace"), file)


def _write(made: Json, file: Path) -> None:
    file.write_text(json.dumps(made))


def _words(said: str, file: Path) -> str:
    """What Envoy says is wrong, without its log's own words before it."""
    lines = [line for line in said.splitlines() if line.strip()]
    found = next((line for line in lines if str(file) in line), " ".join(lines[-1:]))
    return found.rpartition(f"'{file}': ")[2][:MOST_WORDS]
