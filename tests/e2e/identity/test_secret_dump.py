"""What a real Envoy says of its secrets becomes istioctl's table, and no key leaves it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from e2e.identity.test_delivery import served
from meltemi.apps.cli.config_dump import HEADS, resources, rows
from meltemi.shell.agent.secrets import AUTHORITIES, CERTIFICATE

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("delta", [True, False], ids=["delta", "state of the world"])
def test_the_table_of_secrets(tmp_path: Path, delta: bool):
    async def test() -> tuple[str, dict[str, Any]]:
        async with served(tmp_path, delta=delta) as (authority, _own, envoy):
            return authority.serials[-1], json.loads(await asyncio.to_thread(envoy.admin_page, "/config_dump"))

    serial, dump = asyncio.run(test())
    trusted, own = sorted(resources(dump, "secret"), key=lambda one: one["name"])
    (line,) = rows("secret", own)
    (root,) = rows("secret", trusted)
    assert line[:5] == (CERTIFICATE, "Cert Chain", "ACTIVE", "true", serial)
    assert root[:4] == (AUTHORITIES, "CA", "ACTIVE", "true")
    assert all(len(one) == len(HEADS["secret"]) for one in (line, root))
    assert line[5] > line[6]
    assert "private_key" not in json.dumps([own, trusted])
