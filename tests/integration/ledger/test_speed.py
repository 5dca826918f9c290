"""How long followers wait for the ledger."""

from __future__ import annotations

import statistics
import time

import pytest

from bot.domain.enums import OrderState
from bot.domain.ids import VenueOrderId
from bot.domain.outcomes import Accepted
from bot.ledger.journal import Ledger
from bot.runtime.clock import SystemClock
from tests.unit.ledger.builders import copies_for, order_of, signal_of, users


# Twice what it takes: other tests run beside it. One commit a user would take seconds.
@pytest.mark.benchmark
@pytest.mark.parametrize(("followers", "at_most_ms"), [(100, 60), (500, 180)])
def test_a_plan_is_committed_in_milliseconds(url: str, followers: int, at_most_ms: float) -> None:
    accounts, took = users(followers), []
    with Ledger(url, SystemClock()) as ledger:
        for number in range(25):
            signal = signal_of(f"O{number}")
            copies = copies_for(signal, accounts)
            begun = time.perf_counter()
            ledger.record_plan(signal, copies)
            took.append((time.perf_counter() - begun) * 1e3)
    took.sort()
    print(f"record_plan of {followers}: median {statistics.median(took):.1f} ms, slowest {took[-1]:.1f} ms")

    assert statistics.median(took) < at_most_ms


@pytest.mark.benchmark
def test_telling_the_ledger_costs_a_lane_microseconds(url: str) -> None:
    signal = signal_of()
    copies = copies_for(signal, users(500))
    with Ledger(url, SystemClock()) as ledger:
        ledger.record_plan(signal, copies)
        orders = [order_of(copy) for copy in copies]
        begun = time.perf_counter()
        for order in orders:
            ledger.answered(order, Accepted(VenueOrderId("O")), OrderState.ACCEPTED, 1.0)
        each_us = (time.perf_counter() - begun) / len(orders) * 1e6
        assert ledger.flush(30)
    print(f"answered: {each_us:.1f} us each for the caller")

    assert each_us < 500
