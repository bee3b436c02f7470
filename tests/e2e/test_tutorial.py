"""The tutorial does what it says: its commands are run, in order."""

import os
import re
import subprocess

import pytest

from e2e.mesh import ROOT, missing

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

BLOCK = re.compile(r"```sh(?: exit=(\d+))?\n(.*?)```", re.DOTALL)


def test_every_command_of_the_tutorial_works(tmp_path_factory: pytest.TempPathFactory) -> None:
    if why := missing():
        pytest.skip(why)
    text = (ROOT / "docs/tutorial/bookinfo.md").read_text()
    env = os.environ | {"MELTEMI_STATE": str(tmp_path_factory.mktemp("tutorial"))}
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
