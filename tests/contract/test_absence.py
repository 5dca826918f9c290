"""Orders that the venue does not have: that is proven before it is believed, and nothing is sent twice."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from bot.domain.enums import OrderState
from tests.contract.checks import (
    BUY,
    HANG_S,
    SHORT_S,
    assert_one_filled_order,
    order_of,
    quick,
    refused_as_absent,
    take_up,
)
from tests.contract.stand import Stand


def test_an_order_that_never_arrived_is_proven_absent_after_its_deadline_and_not_sent_again(stand: Stand) -> None:
    seats = [quick(stand, read_timeout_s=SHORT_S) for _ in range(2)]
    for seat, kind in zip(seats, ("reset", "hang"), strict=True):
        seat.fault(kind, when="before", seconds=HANG_S)
    began = time.monotonic()

    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(lambda seat: seat.broker.place_market_order(*BUY), seats))

    assert time.monotonic() - began > stand.venue.deadline_s
    for seat, result in zip(seats, results, strict=True):
        assert refused_as_absent(result)
        assert seat.states() == [OrderState.UNKNOWN, OrderState.FAILED]
        assert seat.order_calls() == 1
        assert seat.orders() == []
        assert_one_filled_order(seat, seat.broker.place_market_order(*BUY))


def test_an_order_of_an_earlier_process_that_is_neither_open_nor_closed_is_absent(stand: Stand) -> None:
    seat = quick(stand)
    seat.trade("buy", "0.01", order_of(seat).client_order_id)
    seat.login.limit("buy", "0.01", "40000", order_of(seat).client_order_id)
    order = order_of(seat)
    take_up(seat, order)

    assert seat.fakes.trace.wait_for("observer.absent") == [order]
    assert seat.order_calls() == 2
