"""What every broker owes to those who use it, against the venue's paper exchange over real HTTP."""

from __future__ import annotations

import base64
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest

from bot.brokers.base import BrokerOptions
from bot.domain.enums import InstrumentStatus, OrderState, Side, SizeType
from bot.domain.errors import SettingsError, VenueUnclear
from bot.domain.ids import signal_id_of
from bot.domain.orders import Refused
from bot.domain.outcomes import Accepted
from bot.reporting.lines import LogAnnouncer
from tests.contract.checks import (
    BUY,
    HANG_S,
    IMPATIENT,
    SHORT_S,
    assert_nothing_sent,
    assert_one_filled_order,
    refused,
)
from tests.contract.venues import PATIENCE_S, Stand, ask, bid
from tests.paper_exchange.client import eventually, running

LOT = Decimal("0.00000001")
NOT_COPIED = "⚠️ User accounts will NOT copy this trade!"


# -- connecting ------------------------------------------------------------------------------------------------------


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


def test_a_key_that_may_not_trade_is_left_out_and_the_permission_is_named(stand: Stand) -> None:
    permissions = ["query-funds", "query-open-trades", "query-closed-trades"]
    seat = stand.seat(permissions=permissions)

    assert seat.broker.connect(PATIENCE_S) is False

    assert stand.venue.trading_permission in seat.broker.status
    assert seat.broker.barred
    result = seat.broker.place_market_order(*BUY)
    assert_nothing_sent(seat, result)
    assert stand.venue.trading_permission in result.reason


def test_a_revoked_key_is_left_out(stand: Stand) -> None:
    seat = stand.seat()
    stand.paper.patch(f"/accounts/{seat.login.name}", enabled=False)

    assert seat.broker.connect(PATIENCE_S) is False

    assert seat.broker.barred
    assert "Invalid key" in seat.broker.status
    assert_nothing_sent(seat, seat.broker.place_market_order(*BUY))


def test_a_wrong_secret_is_left_out(stand: Stand) -> None:
    seat = stand.seat(secret=base64.b64encode(b"somebody else's secret").decode())

    assert seat.broker.connect(PATIENCE_S) is False

    assert "Invalid signature" in seat.broker.status
    assert_nothing_sent(seat, seat.broker.place_market_order(*BUY))


def test_a_secret_that_cannot_be_one_is_refused_without_being_shown(stand: Stand) -> None:
    with pytest.raises(SettingsError, match="base64") as caught:
        stand.seat(secret="not base64 !!")

    assert "not base64 !!" not in str(caught.value)


def test_a_hung_venue_at_the_start_is_given_up_in_time(stand: Stand) -> None:
    seat = stand.seat(read_timeout_s=SHORT_S)
    stand.paper.fault("hang", account=seat.login.name, seconds=HANG_S, times=None)
    began = time.monotonic()

    assert seat.broker.connect(PATIENCE_S) is False

    assert time.monotonic() - began < HANG_S
    assert "no answer in time" in seat.broker.status
    assert_nothing_sent(seat, seat.broker.place_market_order(*BUY))


def test_an_account_that_hung_connects_later(stand: Stand) -> None:
    seat = stand.seat(read_timeout_s=SHORT_S)
    stand.paper.fault("hang", account=seat.login.name, method=stand.venue.balance_method, seconds=HANG_S)
    assert seat.broker.connect(PATIENCE_S) is False

    assert seat.broker.connect(PATIENCE_S) is True
    assert seat.broker.place_market_order(*BUY)


# -- what the account has --------------------------------------------------------------------------------------------


def test_the_trading_balance_is_dollars_of_three_kinds(stand: Stand) -> None:
    held = {"USD": "100.25", "USDT": "50.5", "USDC": "25.125", "EUR": "1000", "BTC": "2"}
    seat = stand.seat(held).connect()

    assert seat.broker.get_account_balance() == Decimal("175.875")
    assert seat.broker.get_positions() == {"BTC": Decimal(2), "EUR": Decimal(1000)}


def test_money_and_coins_in_open_orders_are_held_and_not_spendable(stand: Stand) -> None:
    seat = stand.seat({"USD": "1000", "BTC": "0.5"})
    seat.login.limit("buy", "0.01", "40000")
    seat.login.limit("sell", "0.2", "60000")
    seat.connect()

    balances = seat.broker.get_account_balance_detailed()

    assert balances.held == {"USD": Decimal("401.04"), "BTC": Decimal("0.2")}
    assert balances.available["BTC"] == Decimal("0.3")
    assert balances.trading_balance == Decimal("598.96")
    assert balances.holdings == {"BTC": Decimal("0.5")}


def test_equity_counts_coins_at_the_market_price_held_ones_too(stand: Stand) -> None:
    seat = stand.seat({"USD": "1000", "USDT": "100", "BTC": "0.5", "DOGE": "100"})
    seat.login.limit("sell", "0.2", "60000")
    seat.connect()
    stand.connection().ask_prices()

    equity = seat.broker.refresh_balances(PATIENCE_S).equity

    prices = {symbol: Decimal(row["last"]) for symbol, row in stand.paper.get("/market").items()}
    # A dollar of any kind counts as one, as in the trading balance.
    assert equity == 1100 + Decimal("0.5") * prices["BTC-USD"] + 100 * prices["DOGE-USD"]


def test_the_fee_rate_is_the_account_s_own(stand: Stand) -> None:
    seat = stand.seat(fee_rate="0.0016").connect()

    assert seat.broker.get_account_balance_detailed().fee_rate == Decimal("0.0016")


# -- instruments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["BTC-USD", "ETH-USD", "SOL-USD", "DOGE-USD", "BTC-USDT", "ETH-USDC"])
def test_steps_and_minimums_are_the_venue_s(stand: Stand, symbol: str) -> None:
    seat = stand.seat().connect()
    row = stand.paper.get("/market")[symbol]

    instrument = seat.broker.instrument(symbol)

    assert instrument is not None
    assert f"{instrument.base}-{instrument.quote}" == instrument.symbol == symbol
    assert instrument.lot_step == Decimal(row["size_step"])
    assert instrument.price_step == Decimal(row["price_step"])
    assert instrument.minimum_size == Decimal(row["minimum_size"])
    assert instrument.minimum_cost == Decimal(row["minimum_cost"])
    assert instrument.status is InstrumentStatus.ONLINE


@pytest.mark.parametrize("part", [0, 1])
def test_every_spelling_trades_its_symbol(stand: Stand, part: int) -> None:
    # Two accounts, so that neither reaches the venue's limit on questions about its fills.
    spellings = dict(list(stand.venue.spellings.items())[part::2])
    seat = stand.seat({"USD": "10000", "USDT": "10000", "USDC": "10000"}).connect()

    for spelling, symbol in spellings.items():
        result = seat.broker.place_market_order(spelling, "buy", "20", "quote")
        assert result.order is not None, (spelling, result.reason)
        assert result.order.symbol == symbol
        assert result, (spelling, result.reason)

    assert [order["symbol"] for order in seat.orders()] == list(spellings.values())


def test_a_symbol_that_is_not_listed_has_no_instrument_and_no_order(stand: Stand) -> None:
    seat = stand.seat().connect()

    result = seat.broker.place_market_order("NOPE-USD", "buy", "10", "quote")

    assert seat.broker.instrument("NOPE-USD") is None
    assert_nothing_sent(seat, result)
    assert "NOPE-USD" in result.reason


# -- orders ----------------------------------------------------------------------------------------------------------


def test_a_buy_by_quote_spends_that_much_rounded_down_to_a_lot(stand: Stand) -> None:
    seat = stand.seat().connect()

    result = seat.broker.place_market_order("BTC-USD", Side.BUY, "123.45", SizeType.QUOTE)

    order = assert_one_filled_order(seat, result)
    price = ask(stand.paper, "BTC-USD")
    assert Decimal(order["executed"]) == (Decimal("123.45") / price).quantize(LOT, ROUND_DOWN)
    assert result.report is not None
    # The venue makes it from the cost, which it has rounded.
    assert abs(result.report.average_price - price) < Decimal("0.01")
    books = stand.paper.account(seat.login)["balances"]
    assert seat.broker.get_account_balance() == Decimal(books["USD"]).quantize(Decimal("0.0001"), ROUND_DOWN)
    assert seat.broker.get_positions() == {"BTC": Decimal(order["executed"])}


@pytest.mark.parametrize("quantity", ["0.012345678", Decimal("0.012345678"), 0.012345678])
def test_a_buy_by_base_gets_that_many_coins_rounded_down_to_a_lot(stand: Stand, quantity: Any) -> None:
    seat = stand.seat().connect()

    result = seat.broker.place_market_order("BTC-USD", "buy", quantity, "base")

    order = assert_one_filled_order(seat, result)
    assert order["side"] == "buy"
    assert Decimal(order["executed"]) == Decimal("0.01234567")


def test_a_sell_gets_the_bid(stand: Stand) -> None:
    seat = stand.seat({"BTC": "0.5"}).connect()

    result = seat.broker.place_market_order("BTC-USD", "sell", "0.1", "base")

    order = assert_one_filled_order(seat, result)
    assert order["side"] == "sell"
    assert Decimal(order["cost"]) == Decimal("0.1") * bid(stand.paper, "BTC-USD")
    assert seat.broker.get_positions() == {"BTC": Decimal("0.4")}


def test_a_sell_of_slightly_more_than_held_sells_all(stand: Stand) -> None:
    seat = stand.seat({"BTC": "0.5"}).connect()

    result = seat.broker.place_market_order("BTC-USD", "sell", "0.505", "base")

    order = assert_one_filled_order(seat, result)
    assert Decimal(order["executed"]) == Decimal("0.5")
    assert seat.broker.get_positions() == {}


def test_a_sell_of_far_more_than_held_sells_nothing(stand: Stand) -> None:
    seat = stand.seat({"BTC": "0.5"}).connect()

    result = seat.broker.place_market_order("BTC-USD", "sell", "1", "base")

    refused(result)
    assert seat.orders() == []
    assert stand.paper.account(seat.login)["balances"]["BTC"] == "0.5"


def test_a_part_of_an_order_that_fills_is_told_as_a_part(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.fault("partial_fill", fraction="0.25")

    result = seat.broker.place_market_order(*BUY)

    assert result.state is OrderState.PARTIALLY_FILLED
    assert result.report is not None
    assert result.report.executed == Decimal("0.0025")
    assert seat.broker.get_positions() == {"BTC": Decimal("0.0025")}


def test_a_fill_that_the_venue_shows_late_is_waited_for(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.paper.patch("/settings", read_lag_s=0.6)

    result = seat.broker.place_market_order(*BUY)

    assert_one_filled_order(seat, result)
    assert seat.broker.get_positions() == {"BTC": Decimal("0.01")}


def test_orders_of_many_threads_on_one_account_all_arrive(stand: Stand) -> None:
    seat = stand.seat().connect()

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: seat.broker.place_market_order(*BUY), range(8)))

    assert all(results), [result.reason for result in results]
    assert len(seat.orders()) == seat.order_calls() == 8
    assert stand.paper.get("/requests")["refused"] == {}


# -- what is refused before it is sent -------------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", [0, "0", -1, "-0.5", "nan", float("nan"), "inf", "abc", "", None, True, [1]])
@pytest.mark.parametrize("unit", ["base", "quote"])
def test_a_size_that_is_none_is_refused_and_named(stand: Stand, quantity: Any, unit: str) -> None:
    seat = stand.seat().connect()

    result = seat.broker.place_market_order("BTC-USD", "buy", quantity, unit)

    assert_nothing_sent(seat, result)
    assert "size" in result.reason


@pytest.mark.parametrize(("side", "unit"), [("hold", "base"), ("", "base"), ("buy", "shares")])
def test_a_side_or_unit_that_is_none_is_refused(stand: Stand, side: str, unit: str) -> None:
    seat = stand.seat().connect()

    assert_nothing_sent(seat, seat.broker.place_market_order("BTC-USD", side, "0.01", unit))


@pytest.mark.parametrize(("quantity", "unit"), [("0.00004999", "base"), ("1", "quote"), ("0.000000001", "base")])
def test_less_than_the_venue_s_minimum_is_refused_with_the_minimum(stand: Stand, quantity: str, unit: str) -> None:
    seat = stand.seat().connect()

    result = seat.broker.place_market_order("BTC-USD", "buy", quantity, unit)

    assert_nothing_sent(seat, result)
    assert "0.00005 BTC" in result.reason


def test_the_minimum_itself_is_enough(stand: Stand) -> None:
    seat = stand.seat().connect()

    assert_one_filled_order(seat, seat.broker.place_market_order("BTC-USD", "buy", "0.00005", "base"))


def test_a_pair_in_cancel_only_is_not_traded(stand: Stand) -> None:
    stand.paper.patch("/market/BTC-USD", status="cancel_only")
    seat = stand.seat().connect()

    result = seat.broker.place_market_order(*BUY)

    assert_nothing_sent(seat, result)
    assert "BTC-USD" in result.reason
    assert "cancel_only" in result.reason


def test_an_account_without_money_does_not_buy(stand: Stand) -> None:
    seat = stand.seat({"USD": "0.49"}).connect()

    result = seat.broker.place_market_order(*BUY)

    assert_nothing_sent(seat, result)
    assert "UNDERFUNDED - will NOT trade" in result.reason


def test_a_closed_gate_stops_every_order(stand: Stand) -> None:
    seat = stand.seat({"USD": "1000", "BTC": "1"}).connect()
    seat.fakes.gate.refused = Refused("kill switch", "the test says so")

    for side in ("buy", "sell"):
        result = seat.broker.place_market_order("BTC-USD", side, "0.01", "base")
        assert_nothing_sent(seat, result)
        assert "the test says so" in result.reason


# -- what the venue refuses ------------------------------------------------------------------------------------------


def test_a_pair_that_stopped_trading_meanwhile_is_refused_by_the_venue(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.paper.patch("/market/BTC-USD", status="cancel_only")

    result = seat.broker.place_market_order(*BUY)

    assert refused(result).sent
    assert "cancel_only" in result.reason
    assert seat.orders() == []
    assert seat.broker.connected


def test_a_minimum_that_rose_meanwhile_is_learnt_from_the_refusal(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.paper.patch("/market/BTC-USD", minimum_size="0.02")

    result = seat.broker.place_market_order(*BUY)

    assert refused(result).sent
    assert "minimum" in result.reason

    def learnt() -> bool:
        instrument = seat.broker.instrument("BTC-USD")
        return instrument is not None and instrument.minimum_size == Decimal("0.02")

    eventually(learnt)
    assert seat.order_calls() == 1
    refused(seat.broker.place_market_order(*BUY))
    assert seat.order_calls() == 1


def test_money_that_is_gone_is_a_refusal(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.paper.patch(f"/accounts/{seat.login.name}", balances={"USD": "10"})

    result = seat.broker.place_market_order(*BUY)

    assert refused(result).sent
    assert "nsufficient funds" in result.reason
    assert seat.orders() == []
    assert seat.broker.connected


def test_a_pair_that_stopped_trading_holds_up_no_other_pair(stand: Stand) -> None:
    seat = stand.seat().connect()
    stand.paper.patch("/market/BTC-USD", status="cancel_only")
    refused(seat.broker.place_market_order(*BUY))

    assert seat.broker.place_market_order("ETH-USD", "buy", "0.1", "base")


def test_too_fast_is_a_refusal_that_passes_and_the_account_waits_for_it(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.fault("error", text=stand.venue.too_many_orders)

    result = seat.broker.place_market_order(*BUY)

    assert refused(result).not_now
    assert seat.broker.paused
    assert stand.venue.too_many_orders in seat.broker.status
    assert not refused(seat.broker.place_market_order(*BUY)).sent
    assert seat.order_calls() == 1
    assert seat.orders() == []
    assert seat.broker.resume(PATIENCE_S)
    assert_one_filled_order(seat, seat.broker.place_market_order(*BUY))


def test_too_many_requests_is_a_refusal_that_passes_and_the_account_waits_for_it(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.fault("http_429")

    result = seat.broker.place_market_order(*BUY)

    assert refused(result).not_now
    assert seat.broker.paused
    assert seat.order_calls() == 1
    assert seat.orders() == []


@pytest.mark.parametrize("change", [{"enabled": False}, {"permissions": ["query-funds"]}])
def test_a_key_that_was_taken_away_bars_the_account(stand: Stand, change: dict[str, Any]) -> None:
    seat = stand.seat().connect()
    assert seat.broker.place_market_order(*BUY)
    stand.paper.patch(f"/accounts/{seat.login.name}", **change)

    result = seat.broker.place_market_order(*BUY)

    assert refused(result).account_barred
    assert seat.broker.barred
    assert not seat.broker.connected
    calls = seat.order_calls()
    refused(seat.broker.place_market_order(*BUY))
    assert seat.order_calls() == calls
    assert len(seat.orders()) == 1


def test_a_nonce_refused_once_still_makes_one_order(stand: Stand) -> None:
    seat = stand.seat().connect()
    seat.fault("invalid_nonce")

    result = seat.broker.place_market_order(*BUY)

    assert_one_filled_order(seat, result)


def test_a_venue_that_takes_no_connection_is_a_refusal_and_nothing_was_sent(stand: Stand) -> None:
    with running("--prices", "fixed") as gone, closing(replace(stand, paper=gone, _connections={}, _brokers=[])) as own:
        seat = own.seat().connect()
        # Price and balances are fresh now, so that the next order needs nothing but its own call.
        assert seat.broker.place_market_order(*BUY)
        gone.process.kill()
        gone.process.wait()

        result = seat.broker.place_market_order(*BUY)

        outcome = refused(result)
        assert (outcome.sent, outcome.not_now) == (False, True)
        assert "connection" in result.reason


# -- signals ---------------------------------------------------------------------------------------------------------


def test_a_master_s_order_becomes_a_signal_with_everything_from_before_it(stand: Stand) -> None:
    seat = stand.seat({"USD": "900", "USDT": "100", "BTC": "0.25"}, master=True).connect()
    before = time.time()

    result = seat.broker.place_market_order("BTC-USD", "buy", "100", "quote")

    order = assert_one_filled_order(seat, result)
    (signal,) = seat.fakes.sink.signals
    assert result.order is not None
    assert signal.broker is stand.venue.venue
    assert signal.master == seat.broker.account
    assert (signal.symbol, signal.side, signal.size_type) == ("BTC-USD", Side.BUY, SizeType.BASE)
    assert signal.size == result.order.quantity
    assert signal.price == ask(stand.paper, "BTC-USD")
    assert signal.order_id == order["order_id"]
    assert signal.master_balance == Decimal(1000)
    assert signal.position_before == Decimal("0.25")
    assert signal.signal_id == signal_id_of(seat.broker.account, result.order.client_order_id)
    assert before <= signal.timestamp <= time.time()
    assert 0 < signal.answered_ns <= time.monotonic_ns()


def test_a_master_s_second_order_tells_the_balance_after_the_first(stand: Stand) -> None:
    seat = stand.seat({"USD": "1000"}, master=True).connect()

    first = seat.broker.place_market_order("BTC-USD", "buy", "0.01", "base")
    seat.broker.place_market_order("BTC-USD", "sell", "0.004", "base")

    _, signal = seat.fakes.sink.signals
    assert first.report is not None
    assert signal.side is Side.SELL
    left = 1000 - first.report.cost - first.report.fee
    assert signal.master_balance == left.quantize(Decimal("0.0001"), ROUND_DOWN)
    assert signal.position_before == Decimal("0.01")


def test_a_user_s_order_never_becomes_a_signal(stand: Stand) -> None:
    seat = stand.seat().connect()

    assert seat.broker.place_market_order(*BUY)

    assert seat.fakes.sink.signals == []
    assert "expect" not in seat.fakes.trace.steps


@pytest.mark.parametrize("fault", ["error", "http_502"])
def test_a_master_s_order_that_is_not_accepted_becomes_no_signal(stand: Stand, fault: str) -> None:
    seat = stand.seat(master=True, options=IMPATIENT).connect()
    seat.fault(fault, when="before", text="EOrder:Insufficient funds")

    assert not seat.broker.place_market_order(*BUY)

    assert seat.fakes.sink.signals == []
    # Whoever was told to expect one was told that it will not come.
    assert seat.fakes.trace.of("expect")[-1] is None


def test_a_master_s_order_that_is_found_becomes_its_signal_once_and_as_old_as_it_is(stand: Stand) -> None:
    seat = stand.seat(master=True).connect()
    seat.fault("http_502", when="after")
    before = time.time()

    result = seat.broker.place_market_order(*BUY)

    order = assert_one_filled_order(seat, result)
    (signal,) = seat.fakes.sink.signals
    assert signal.order_id == order["order_id"]
    assert before <= signal.timestamp < before + 0.4, "the venue was asked half a second later"
    assert (signal.position_before, signal.master_balance) == (0, 10_000)


@pytest.mark.parametrize("trouble", ["full", "broken"])
def test_a_failing_emission_says_so_and_leaves_the_trade_alone(
    stand: Stand, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    seat = stand.seat(master=True, announcer=LogAnnouncer()).connect()
    if trouble == "full":
        seat.fakes.sink.takes = False
    else:
        seat.fakes.sink.error = RuntimeError("the queue is broken")

    with caplog.at_level(logging.INFO, logger="nija"):
        result = seat.broker.place_market_order(*BUY)

    assert_one_filled_order(seat, result)
    assert NOT_COPIED in [record.getMessage() for record in caplog.records]


def test_a_wait_that_is_too_short_for_the_fill_still_tells_that_the_order_is_there(stand: Stand) -> None:
    stand.paper.patch("/settings", read_lag_s=2)
    seat = stand.seat(options=BrokerOptions(fill_wait_s=0.5))
    eventually(lambda: seat.broker.connect(PATIENCE_S) and seat.broker.get_account_balance() > 0)

    result = seat.broker.place_market_order(*BUY)

    assert isinstance(result.outcome, Accepted), result
    assert result.state is OrderState.ACCEPTED
    assert len(seat.orders()) == 1
