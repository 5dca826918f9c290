"""Keys: who connects, who is left out, and what is said of it."""

from __future__ import annotations

import time

import pytest

from bot.domain.errors import SettingsError, VenueUnclear
from tests.contract.checks import BUY, HANG_S, SHORT_S, assert_nothing_sent
from tests.contract.stand import Stand
from tests.contract.venue import PATIENCE_S, Peculiar
from tests.contract.venues import each


def test_a_good_key_connects_and_says_so(stand: Stand) -> None:
    seat = stand.seat()
    assert not seat.broker.connected
    with pytest.raises(VenueUnclear, match="not connected"):
        seat.broker.get_account_balance()

    assert seat.broker.connect(PATIENCE_S) is True

    assert seat.broker.connected
    assert seat.broker.status == "connected"
    assert seat.fakes.trace.of("say.connected") == [seat.broker.account]
    assert seat.order_calls() == 0


@each("lack", lambda venue: {text: (text, peculiar) for text, peculiar in venue.powerless.items()})
def test_an_account_that_may_not_trade_is_left_out_and_what_it_lacks_is_named(
    stand: Stand, lack: tuple[str, Peculiar]
) -> None:
    text, peculiar = lack
    seat = stand.seat(peculiar=peculiar)

    assert seat.broker.connect(PATIENCE_S) is False

    assert text in seat.broker.status
    assert seat.broker.barred
    result = seat.broker.place_market_order(*BUY)
    assert_nothing_sent(seat, result)
    assert text in result.reason


def test_a_revoked_key_is_left_out(stand: Stand) -> None:
    seat = stand.seat()
    stand.paper.patch(f"/accounts/{seat.login.name}", enabled=False)

    assert seat.broker.connect(PATIENCE_S) is False

    assert seat.broker.barred
    assert stand.venue.revoked_says in seat.broker.status
    assert_nothing_sent(seat, seat.broker.place_market_order(*BUY))


def test_a_wrong_secret_is_left_out(stand: Stand) -> None:
    seat = stand.seat(secret=stand.venue.another_secret())

    assert seat.broker.connect(PATIENCE_S) is False

    assert seat.broker.barred
    assert stand.venue.another_secret_says in seat.broker.status
    assert_nothing_sent(seat, seat.broker.place_market_order(*BUY))


def test_a_secret_that_cannot_be_one_is_refused_without_being_shown(stand: Stand) -> None:
    text, says = stand.venue.no_secret
    with pytest.raises(SettingsError, match=says) as caught:
        stand.seat(secret=text)

    assert text not in str(caught.value)


def test_a_hung_venue_at_the_start_is_given_up_in_time(stand: Stand) -> None:
    seat = stand.seat(read_timeout_s=SHORT_S)
    seat.any_fault("hang", seconds=HANG_S, times=None)
    began = time.monotonic()

    assert seat.broker.connect(PATIENCE_S) is False

    assert time.monotonic() - began < HANG_S
    assert "no answer in time" in seat.broker.status
    assert_nothing_sent(seat, seat.broker.place_market_order(*BUY))


def test_an_account_that_hung_connects_later(stand: Stand) -> None:
    seat = stand.seat(read_timeout_s=SHORT_S)
    seat.any_fault("hang", method=stand.venue.balance_method, seconds=HANG_S)
    assert seat.broker.connect(PATIENCE_S) is False

    assert seat.broker.connect(PATIENCE_S) is True
    assert seat.broker.place_market_order(*BUY)


@pytest.mark.parametrize("kind", ["http_503", "http_429", "html", "truncated"])
def test_an_answer_that_says_nothing_at_the_start_bars_nobody(stand: Stand, kind: str) -> None:
    seat = stand.seat()
    seat.any_fault(kind, method=stand.venue.balance_method)

    assert seat.broker.connect(PATIENCE_S) is False

    assert not seat.broker.barred
    assert seat.broker.resume(PATIENCE_S), seat.broker.status
