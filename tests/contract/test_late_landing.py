"""Orders that reach the venue's books long after they were sent."""

from __future__ import annotations

import time

from tests.contract.checks import BUY, assert_has, assert_one_filled_order, coins_of, quick, refused_as_absent, send
from tests.contract.stand import Stand
from tests.contract.venues import only
from tests.paper_exchange.client import eventually


def test_an_order_that_lands_late_is_found_when_it_has(stand: Stand) -> None:
    seat = quick(stand)
    seat.fault("delayed_landing", seconds=stand.venue.landing_s)

    result = seat.broker.place_market_order(*BUY)

    assert_one_filled_order(seat, result)
    assert seat.order_calls() == 1


@only(lambda venue: venue.names_are_unique_for_good)
def test_an_order_that_lands_after_it_was_given_up_and_sent_again_is_there_once(stand: Stand) -> None:
    seat = quick(stand)
    landing_s = stand.venue.given_up_s + 0.5
    lands_at = time.monotonic() + landing_s
    seat.fault("delayed_landing", seconds=landing_s)
    result = seat.broker.place_market_order(*BUY)
    assert refused_as_absent(result)
    assert time.monotonic() < lands_at
    assert result.order is not None

    order_id = send(seat, result.order)

    eventually(lambda: time.monotonic() > lands_at + 0.5, 2 * landing_s)
    (order,) = seat.orders()
    assert order["order_id"] == order_id
    assert seat.order_calls() == 2
    assert seat.broker.wait_for_balances(10)
    assert_has(seat, coins_of(order))
