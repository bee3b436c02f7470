"""How long the agent waits before it starts Envoy again."""

import pytest

from meltemi.shell.agent.envoy import LONGEST_DELAY, delay_before

DELAYS = {"the first at once": (1, 0.0), "then a little": (2, 0.25), "doubling": (3, 0.5), "up to": (40, LONGEST_DELAY)}


@pytest.mark.parametrize(("restart", "delay"), DELAYS.values(), ids=DELAYS)
def test_delay(restart: int, delay: float):
    assert delay_before(restart) == delay
