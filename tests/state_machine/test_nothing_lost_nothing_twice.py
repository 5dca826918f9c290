"""Whatever breaks, each (signal, account) ends as one order at the venue or one recorded reason for none."""

from __future__ import annotations

import time

import pytest

from tests.state_machine.machine import CopyTrading
from tests.state_machine.play import SEED, play, seed_to_play

#: The suite plays the same machines every time; new ones are what ``make soak`` is for.
_SEED = 20_261_121


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_whatever_breaks_nothing_is_lost_and_nothing_is_done_twice(capsys: pytest.CaptureFixture[str]) -> None:
    begun, seed = time.monotonic(), seed_to_play(otherwise=_SEED)

    play(machines=60, steps=40, seed=seed)

    with capsys.disabled():
        print(f"\n{CopyTrading.figures} in {time.monotonic() - begun:.0f} s, {SEED}={seed}")
    assert CopyTrading.figures.steps > 1_200
