"""The tutorials do what they say: their commands are run, in order."""

import os
import re
import subprocess

import pytest

from e2e.mesh import ROOT, missing, networks

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

BLOCK = re.compile(r"```sh(?: exit=(\d+))?\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", sorted(path.stem for path in (ROOT / "docs/tutorial").glob("*.md")))
def test_every_command_of_the_tutorial_works(tmp_path_factory: pytest.TempPathFactory, page: str) -> None:
    if why := missing():
        pytest.skip(why)
    text = (ROOT / f"docs/tutorial/{page}.md").read_text()
    _, pods, _, services = networks()
    own = {"MELTEMI_POD_CIDR": pods, "MELTEMI_SERVICE_CIDR": services}
    env = os.environ | own | {"MELTEMI_STATE": str(tmp_path_factory.mktemp("tutorial"))}
    try:
        for status, commands in BLOCK.findall(text):
            done = subprocess.run(
                ["sh", "-e"],
                input=commands,
                text=True,
                cwd=ROOT,
                env=env,
                capture_output=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == int(status or 0), f"{commands}\n{done.stdout}\n{done.stderr}"
    finally:
        subprocess.run([ROOT / ".venv/bin/meltemi", "down"], env=env, timeout=120, check=False)
