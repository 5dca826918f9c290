"""Plays the state machine: some machines for a test, or for as long as ``make soak`` says."""

from __future__ import annotations

import os
import sys
import time
from random import SystemRandom

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.state_machine.machine import CopyTrading

#: Environment: a seed to play again with.
SEED = "STATE_MACHINE_SEED"
#: Environment: how long to play.
MINUTES = "SOAK_MINUTES"

_ROUND = 50
_STEPS = 60


def seed_to_play(otherwise: int | None = None) -> int:
    """The one of the environment, else ``otherwise``, else a new one."""
    return int(os.environ.get(SEED) or (SystemRandom().getrandbits(32) if otherwise is None else otherwise))


def play(machines: int, steps: int, seed: int) -> None:
    """Play so many machines of so many steps. What fails is made small, and printed with what reproduces it."""
    hypothesis.seed(seed)(CopyTrading)
    try:
        run_state_machine_as_test(
            CopyTrading,
            settings=settings(
                # What an earlier run found must not make this one another than its seed says.
                database=None,
                max_examples=machines,
                stateful_step_count=steps,
                deadline=None,
                print_blob=True,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    except BaseException as error:
        error.add_note(f"{SEED}={seed} finds it again")
        raise


def soak() -> None:
    begun, minutes, seed = time.monotonic(), float(os.environ.get(MINUTES) or 10), seed_to_play()
    print(f"playing for {minutes:g} minutes, {SEED}={seed}", flush=True)
    seconds = 0.0
    while seconds < minutes * 60:
        play(_ROUND, _STEPS, seed)
        seconds = time.monotonic() - begun
        print(f"{seconds:6.0f} s  {SEED}={seed}  {CopyTrading.figures}", flush=True)
        seed += 1
    print(f"nothing lost, nothing twice: {CopyTrading.figures} in {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(soak())
