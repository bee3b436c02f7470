"""Keep packet rules and DNS table as the Services are.

Place:  shell/runtime · world → core/node/{services,entry_names,nft,dns_table} → [services] → kernel, node/dns.json

Rules and table stay when this process dies, so connections and names go on without it.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog

from meltemi.core.node.dns_table import dns_table, encode
from meltemi.core.node.entry_names import entry_names
from meltemi.core.node.nft import Target, gateway_target, ruleset, targets
from meltemi.core.node.services import ServiceView, service_views
from meltemi.core.node.settings import NodeSettings
from meltemi.ports.store import ConfigStore
from meltemi.shell.runtime.commands import CommandError, run
from meltemi.shell.runtime.files import write_atomically
from meltemi.shell.runtime.sysctl import PROC, change
from meltemi.shell.runtime.world import World, follow
from meltemi.shell.users import one_user

log = structlog.get_logger()

DNS_FILE = Path("node/dns.json")
"""In the state directory."""
QUIET = 0.03
"""Seconds that changes are gathered for."""
RETRY = 1.0
"""Seconds before rules that the kernel refused are tried again, if nothing changes earlier."""


async def run_services(store: ConfigStore, settings: NodeSettings, state: Path) -> None:
    """Run until cancelled. Needs root."""
    await prepare_host(settings, state)
    world = World()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follow(store, world), name="services: follow")
        await _serve(world, settings, state)


async def prepare_host(settings: NodeSettings, state: Path) -> None:
    """What pods and Services need of the host besides rules: forwarding, an address towards pods, a route."""
    # Sandboxes mount this directory: it must be there before the first pod, and stay the same one.
    (state / DNS_FILE).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    change(state, "net/ipv4/ip_forward", "1")
    if one_user():
        await run("ip", "link", "set", "lo", "up")  # a new network's is down
    with contextlib.suppress(CommandError):  # it is there already
        await run("ip", "address", "add", f"{settings.node_ip}/32", "dev", "lo", "label", settings.address_label)
    # Without any route the host's own connections would end before the rules see them.
    await run("ip", "route", "replace", settings.service_cidr, "dev", "lo", "src", settings.node_ip)


async def _serve(world: World, settings: NodeSettings, state: Path) -> None:
    applied = ""
    again: float | None = None
    while True:
        await world.changed(quiet=QUIET, at_most=again)
        if not world.complete:
            continue
        views = service_views(world.objects.values())
        write_atomically(state / DNS_FILE, encode(dns_table(settings, views, entry_names(world.objects.values()))))
        wanted = ruleset(settings, targets(views))
        if wanted == applied:
            continue
        try:
            await apply_rules(settings, views)
            applied, again = wanted, None
        except CommandError as fault:
            log.error("the kernel refuses the rules of Services", fault=str(fault))
            again = RETRY


async def apply_rules(settings: NodeSettings, views: Sequence[ServiceView]) -> None:
    """Make the kernel's rules so, in one step. Raises CommandError."""
    all_targets = targets(views)
    await run("nft", "-f", "-", text=ruleset(settings, all_targets))
    if gateway := gateway_target(settings, all_targets):
        await _let_localhost_out(settings, gateway)


async def _let_localhost_out(settings: NodeSettings, gateway: Target) -> None:
    """Packets from 127.0.0.1 may leave towards the gateway's pods; the setting ends with each pod's veth."""
    for ip in {ip for ip, _ in gateway.backends}:
        found: list[dict[str, Any]] = msgspec.json.decode(await run("ip", "-json", "route", "get", ip))
        device = str(found[0].get("dev") or "") if found else ""
        if device.startswith(settings.veth_prefix):
            (PROC / "net/ipv4/conf" / device / "route_localnet").write_text("1")
