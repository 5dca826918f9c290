"""What only Coinbase has: tokens that live by the clock, keys of two kinds, wallets and fills that come in pages.

No other venue signs with the time in a token, and none pages what an account has or what one order traded.
"""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

import pytest

from tests.contract.checks import BUY, assert_one_filled_order
from tests.contract.coinbase import COINBASE
from tests.contract.stand import Stand
from tests.contract.venues import only
from tests.fakes.relay import Relay

pytestmark = only(lambda venue: venue is COINBASE)

# -- keys and tokens -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_keys_of_both_kinds_trade(stand: Stand, algorithm: str) -> None:
    seat = stand.seat(fields={"algorithm": algorithm}).connect()

    assert_one_filled_order(seat, seat.broker.place_market_order(*BUY))


def test_a_token_refused_once_still_makes_one_order(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.fault("error", text="401")

    assert_one_filled_order(seat, seat.broker.place_market_order(*BUY))

    assert seat.broker.connected
    assert seat.order_calls() == 2


def test_a_token_refused_after_the_order_was_taken_still_makes_one_order(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.fault("error", text="401", when="after")

    assert_one_filled_order(seat, seat.broker.place_market_order(*BUY))


@pytest.mark.parametrize("ahead_s", [-300, 300])
def test_a_clock_that_is_wrong_is_told_and_made_up_for(
    stand: Stand, ahead_s: int, caplog: pytest.LogCaptureFixture
) -> None:
    stand.settings(clock_offset_s=ahead_s)
    relay = stand.relay()
    relay.clock_offset_s = ahead_s

    with caplog.at_level(logging.WARNING, logger="nija"):
        seat = stand.seat(url=relay.url).connect()

    (told,) = [text for text in (record.getMessage() for record in caplog.records) if "this machine's clock" in text]
    assert ("behind" if ahead_s > 0 else "ahead of") in told
    assert seat.broker.place_market_order(*BUY)


# -- pages -----------------------------------------------------------------------------------------------------------


def in_pages(relay: Relay, method: str, rows: str) -> None:
    """Cut a list into pages of one row each."""
    whole: list[Any] = []

    def page(fields: dict[str, Any], answer: Any) -> Any:
        if not fields.get("cursor"):
            whole[:] = answer[rows]
        number = int(fields.get("cursor") or 0)
        more = number + 1 < len(whole)
        flag = {"has_next": more} if "has_next" in answer else {}
        return answer | flag | {rows: whole[number : number + 1], "cursor": str(number + 1) if more else ""}

    relay.changes[method] = page


def test_wallets_that_come_in_pages_are_all_seen(stand: Stand) -> None:
    relay = stand.relay()
    in_pages(relay, "accounts", "accounts")

    seat = stand.seat({"USD": "100", "USDC": "50", "BTC": "0.5", "ETH": "2"}, url=relay.url).connect()

    assert seat.broker.get_account_balance() == 150
    assert seat.broker.get_positions() == {"BTC": Decimal("0.5"), "ETH": Decimal(2)}


def test_fills_that_come_in_pages_are_all_told(stand: Stand) -> None:
    relay = stand.relay()
    in_pages(relay, "fills", "fills")
    seat = stand.seat(url=relay.url).connect()
    stand.set_market(depth="0.003")

    result = seat.broker.place_market_order(*BUY)

    assert_one_filled_order(seat, result)
    trades = stand.paper.get(f"/books?account={seat.login.name}")["trades"]
    assert result.report is not None
    assert len(trades) > 2
    assert {fill.trade_id for fill in result.report.fills} == {trade["trade_id"] for trade in trades}
    assert [asked.method for asked in relay.asked].count("fills") >= len(trades)
