"""Orders whose answer was lost: asked for by their name, over real HTTP, until the venue tells."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.domain.enums import OrderState
from bot.domain.outcomes import Unknown
from tests.contract.checks import (
    BUY,
    HANG_S,
    IMPATIENT,
    SHORT_S,
    assert_has,
    assert_one_filled_order,
    coins_of,
    refused,
)
from tests.contract.stand import Stand
from tests.contract.venues import each

KINDS = [
    *("http_500", "http_502", "http_503", "http_504", "http_520"),
    *("reset", "html", "truncated", "empty_result"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_order_whose_answer_was_lost_is_found_by_its_name_and_has_its_fill(stand: Stand, kind: str) -> None:
    seat = stand.seat().connect()
    seat.fault(kind, when="after")

    result = seat.broker.place_market_order(*BUY)

    order = assert_one_filled_order(seat, result)
    assert seat.order_calls() == 1
    assert seat.states() == [OrderState.UNKNOWN, OrderState.ACCEPTED]
    assert not seat.broker.doubts
    assert_has(seat, coins_of(order))


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_says_nothing_leaves_the_order_unknown_and_is_not_sent_again(stand: Stand, kind: str) -> None:
    seat = stand.seat(options=IMPATIENT).connect()
    seat.fault(kind, when="before")

    result = seat.broker.place_market_order(*BUY)

    assert isinstance(result.outcome, Unknown), result
    assert result.state is OrderState.UNKNOWN
    assert seat.broker.in_doubt("BTC-USD")
    assert seat.order_calls() == 1
    assert seat.orders() == []


@each("text", lambda venue: venue.unclear)
def test_a_trouble_of_the_venue_s_own_is_asked_about(stand: Stand, text: str) -> None:
    seat = stand.seat().connect()
    seat.fault("error", text=text, when="after")

    assert_one_filled_order(seat, seat.broker.place_market_order(*BUY))
    assert seat.states() == [OrderState.UNKNOWN, OrderState.ACCEPTED]
    assert seat.order_calls() == 1


def test_a_hung_venue_leaves_the_order_unknown_in_time_and_it_is_found(stand: Stand) -> None:
    seat = stand.seat(read_timeout_s=SHORT_S).connect()
    seat.fault("hang", when="after", seconds=HANG_S)
    began = time.monotonic()

    with ThreadPoolExecutor(1) as thread:
        placing = thread.submit(seat.broker.place_market_order, *BUY)
        seat.fakes.trace.wait_for("journal.answered")
        assert time.monotonic() - began < HANG_S
        assert seat.states() == [OrderState.UNKNOWN]
        assert_one_filled_order(seat, placing.result())
    assert seat.order_calls() == 1


def test_meanwhile_entries_of_the_symbol_wait_and_other_symbols_go_on(stand: Stand) -> None:
    seat = stand.seat(options=IMPATIENT).connect()
    seat.fault("reset", when="before")
    assert isinstance(seat.broker.place_market_order(*BUY).outcome, Unknown)

    waiting = seat.broker.place_market_order(*BUY)

    assert not refused(waiting).sent
    assert "not settled" in waiting.reason
    assert seat.broker.place_market_order("ETH-USD", "buy", "0.1", "base")
    assert seat.order_calls() == 2
