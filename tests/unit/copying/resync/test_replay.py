"""A history in, and why coins are not what they should be out."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.copying.resync import AccountReplay, replay
from bot.domain.enums import BrokerType, OrderState, Side, SizeType
from bot.domain.ids import AccountId
from tests.unit.copying.resync.rows import ANNA, BTC, MASTER, PRICE, Recorded, a_user

D = Decimal


def test_what_was_copied_whole_is_no_drift() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01")
    standing = recorded.btc()
    assert (standing.should, standing.has, standing.difference, standing.causes) == (D("0.01"), D("0.01"), 0, ())


def test_the_multiplier_counts_and_a_size_in_dollars_is_converted() -> None:
    recorded = Recorded(a_user(multiplier=2))
    signal = recorded.signal(Side.BUY, 5_000, size_type=SizeType.QUOTE)
    recorded.copy(signal, "0.02")
    assert recorded.btc().should == D("0.02")
    assert recorded.causes() == {}


@pytest.mark.parametrize("code", ["kill switch", "symbol disabled", "underfunded", "symbol not allowed"])
def test_a_skip_is_missing_by_its_reason(code: str) -> None:
    recorded = Recorded()
    recorded.skip(code)
    assert recorded.causes() == {code: D("0.01")}
    assert recorded.btc().correctable == D("0.01")


def test_an_account_that_was_down_is_measured_with_what_its_last_trade_left() -> None:
    recorded = Recorded()
    # Of $2,000 it spent $1,000 and paid $4.
    recorded.buy("0.1", "0.02", balance=D(2_000), fee=D(4))
    recorded.skip("account not connected", balance=D(0))
    assert recorded.btc().should == D("0.02996")
    assert recorded.causes() == {"account not connected": D("0.00996")}


def test_what_it_sold_meanwhile_is_in_the_balance_that_is_assumed() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.02", balance=D(2_000))
    recorded.sell("0.05", "0.01", balance=D(1_000), fee=D(2))
    recorded.skip("account not connected", balance=D(0))
    assert recorded.causes() == {"account not connected": D("0.01498")}


def test_an_account_that_was_down_from_the_beginning_is_measured_with_the_next_balance() -> None:
    recorded = Recorded()
    recorded.skip("account not connected", balance=D(0))
    recorded.buy("0.1", "0.03", balance=D(3_000))
    assert recorded.causes() == {"account not connected": D("0.03")}


def test_an_entry_without_any_known_balance_is_counted_and_not_guessed() -> None:
    recorded = Recorded()
    recorded.skip("account not connected", balance=D(0))
    standing = recorded.btc()
    assert (standing.should, standing.unknown, standing.causes) == (0, 1, ())


def test_the_balance_of_now_serves_where_no_other_is_known() -> None:
    recorded = Recorded(balances={ANNA: D(500)})
    recorded.skip("account not connected", balance=D(0))
    assert recorded.causes() == {"account not connected": D("0.005")}


def test_an_account_without_money_should_have_nothing() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01")
    recorded.skip("underfunded", balance=D(0))
    assert recorded.btc().should == D("0.01")


def test_what_a_limit_cut_is_capped_and_no_drift() -> None:
    recorded = Recorded()
    recorded.buy("1", "0.002", note="capped at 10 % of the balance")
    assert recorded.causes() == {"capped": D("0.098")}
    assert recorded.btc().correctable == 0


def test_a_fee_taken_in_the_coin_is_rounding_and_fees() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01", fee=D("0.00003"), fee_currency="BTC")
    assert recorded.causes() == {"rounding and fees": D("0.00003")}


def test_a_size_of_another_multiplier_is_named_and_not_called_rounding() -> None:
    recorded = Recorded(a_user(multiplier=2))
    recorded.buy("0.1", "0.01")
    assert recorded.causes() == {"another multiplier then": D("0.01")}


@pytest.mark.parametrize("state", [OrderState.REJECTED, OrderState.FAILED])
def test_an_order_that_came_to_nothing_failed(state: OrderState) -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01", state=state, code="EOrder:Insufficient funds")
    assert recorded.causes() == {"failed": D("0.01")}


def test_the_part_that_a_venue_left_failed() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01", executed="0.004", state=OrderState.PARTIALLY_FILLED)
    assert recorded.causes() == {"failed": D("0.006")}


@pytest.mark.parametrize(
    "state", [OrderState.PLANNED, OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.ACCEPTED], ids=str
)
def test_an_order_that_is_not_known_yet_is_on_its_way_and_no_drift(state: OrderState) -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01", state=state)
    assert recorded.causes() == {"on its way": D("0.01")}
    assert recorded.btc().on_its_way
    assert recorded.btc().correctable == 0


def test_an_entry_that_waited_for_too_long_is_missing_by_its_reason() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01", state=OrderState.EXPIRED, code="signal too old")
    assert recorded.causes() == {"signal too old": D("0.01")}


def test_observe_mode_is_a_cause() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01", state=OrderState.OBSERVED, code="observe mode")
    assert recorded.causes() == {"observe mode": D("0.01")}


def test_coins_sold_by_hand_are_named() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01")
    recorded.lose("0.004")
    assert recorded.causes() == {"sold or moved by hand": D("0.004")}


def test_a_cause_shrinks_by_the_share_that_the_master_sells() -> None:
    recorded = Recorded()
    recorded.skip("kill switch")
    recorded.buy("0.1", "0.01")
    recorded.sell("0.05", "0.0025")
    assert recorded.btc().should == D("0.015")
    assert recorded.causes() == {"kill switch": D("0.0075")}


def test_nothing_is_left_of_any_cause_once_the_master_has_sold_everything() -> None:
    recorded = Recorded()
    recorded.skip("kill switch")
    recorded.buy("0.1", "0.002", note="capped at 10 % of the balance")
    recorded.skip("account not connected", balance=D(0))
    recorded.sell("0.3", "0.002")
    assert recorded.standings() == {}


def test_an_exit_that_failed_leaves_too_much() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01")
    recorded.sell("0.1", "0.01", state=OrderState.REJECTED)
    assert recorded.causes() == {"failed": D("-0.01")}
    assert recorded.btc().correctable == D("-0.01")


def test_an_exit_that_waits_is_on_its_way() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01")
    recorded.sell("0.05", "0.005", state=OrderState.PLANNED)
    assert recorded.causes() == {"on its way": D("-0.005")}


def test_an_exit_too_small_for_the_venue_leaves_too_much_by_the_minimum() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01")
    recorded.skip("below minimum", "0.001", Side.SELL)
    assert recorded.causes() == {"below minimum": D("-0.0001")}


def test_an_exit_that_took_the_dust_along_is_the_minimum_too() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01")
    recorded.sell("0.0999", "0.01", note="the rest would be dust")
    assert recorded.causes() == {"below minimum": D("0.00001")}


def test_further_legs_of_an_exit_count_together() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01")
    first = recorded.sell("0.1", "0.01", executed="0.004", state=OrderState.PARTIALLY_FILLED)
    signal = recorded.signals[-1]
    recorded.copy(signal, "0.006", leg=2)
    assert first.leg == 1
    assert recorded.standings() == {}


def test_an_exit_that_found_nothing_because_it_was_sold_by_hand_a_moment_before_names_the_hand() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01")
    recorded.skip("nothing to sell", "0.05", Side.SELL)
    recorded.lose("0.01")
    assert recorded.causes() == {"sold or moved by hand": D("0.005")}


def test_an_exit_that_waited_for_the_coins_to_be_written_off_comes_after_that() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01")
    row = recorded.sell("0.1", "0.004")
    recorded.lose("0.006")
    recorded.copies[-1] = type(row)(**{name: getattr(row, name) for name in row.__slots__} | {"settled_at": 9_999.0})
    assert recorded.standings() == {}


def test_parts_of_an_order_that_were_too_small_go_out_with_the_next() -> None:
    recorded = Recorded()
    first = recorded.signal(Side.BUY, "0.001", order_id="OHAND")
    recorded.copy(first, state=OrderState.SKIPPED, code="below minimum")
    assert recorded.causes() == {"below minimum": D("0.0001")}
    second = recorded.signal(Side.BUY, "0.009", order_id="OHAND", filled_before=D("0.001"))
    recorded.copy(second, "0.001")
    assert recorded.causes() == {}


def test_a_cap_that_an_order_in_parts_reached_counts_once() -> None:
    recorded = Recorded()
    first = recorded.signal(Side.BUY, "0.1", order_id="OHAND")
    recorded.copy(first, "0.002", note="capped at 10 % of the balance")
    second = recorded.signal(Side.BUY, "0.1", order_id="OHAND", filled_before=D("0.1"))
    recorded.copy(second, state=OrderState.SKIPPED, code="cap reached")
    assert recorded.causes() == {"capped": D("0.018")}


def test_a_part_of_an_exit_catches_up_what_the_part_before_left() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01")
    first = recorded.signal(Side.SELL, "0.001", order_id="OHAND")
    recorded.copy(first, state=OrderState.SKIPPED, code="below minimum")
    second = recorded.signal(Side.SELL, "0.049", order_id="OHAND", filled_before=D("0.001"))
    recorded.copy(second, "0.005")
    assert recorded.btc().should == D("0.005")
    assert recorded.causes() == {}


def test_an_entry_of_before_an_exit_that_was_recorded_after_it_is_sold_already() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01")
    recorded.sell("0.1", "0.01")
    recorded.skip("master has sold since")
    assert recorded.standings() == {}


def test_trades_from_before_an_account_followed_do_not_count() -> None:
    recorded = Recorded()
    recorded.signal(Side.BUY, "1")
    recorded.buy("0.1", "0.01")
    assert recorded.btc().should == D("0.01")
    recorded.sell("0.55", "0.005")
    assert recorded.btc().should == D("0.005")


def test_trades_while_an_account_was_left_out_do_count() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01", cost=D(0))
    recorded.signal(Side.BUY, "0.1")
    assert recorded.causes() == {"not set up then": D("0.01")}
    recorded.signal(Side.SELL, "0.1")
    # Of what it missed half is sold, and of what it has half should have been.
    assert recorded.btc().should == recorded.btc().has == D("0.01")
    assert recorded.causes() == {}


def test_what_was_copied_from_another_master_is_too_much() -> None:
    recorded = Recorded()
    other = AccountId.master(BrokerType.COINBASE)
    recorded.copy(recorded.signal(Side.BUY, "0.1", master=other), "0.02")
    assert recorded.btc().should == 0
    assert recorded.causes() == {"bought for another master": D("-0.02")}


def test_a_user_that_pays_in_another_currency_stands_in_its_own_symbol() -> None:
    recorded = Recorded(a_user(quote_map={"USD": "USDC"}))
    recorded.copy(recorded.signal(Side.BUY, "0.1"), "0.01", symbol="BTC-USDC")
    recorded.copy(recorded.signal(Side.SELL, "0.05"), "0.005", symbol="BTC-USDC", balance=D(750))
    recorded.signal(Side.BUY, "0.05")
    standings = recorded.standings()
    assert list(standings) == ["BTC-USDC"]
    assert (standings["BTC-USDC"].should, standings["BTC-USDC"].has) == (D("0.01"), D("0.005"))


def test_coins_bought_before_the_quote_map_was_changed_are_sold_where_they_are() -> None:
    recorded = Recorded(a_user(quote_map={"USD": "USDC"}))
    recorded.buy("0.1", "0.01")
    recorded.copy(recorded.signal(Side.SELL, "0.1"), "0.01", symbol=BTC)
    assert recorded.standings() == {}


def test_a_correction_ends_the_drift() -> None:
    recorded = Recorded()
    recorded.skip("kill switch")
    recorded.correct(Side.BUY, "0.01")
    assert recorded.btc().has == D("0.01")
    assert recorded.causes() == {}


def test_a_correction_of_too_much_ends_the_drift() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01")
    recorded.sell("0.05", "0.005", state=OrderState.REJECTED)
    recorded.correct(Side.SELL, "0.005")
    assert recorded.btc().has == D("0.005")
    assert recorded.causes() == {}


def test_what_a_limit_cut_of_a_correction_stays_capped() -> None:
    recorded = Recorded()
    recorded.skip("kill switch", "1")
    recorded.correct(Side.BUY, "0.002", note="capped at 10 % of the balance")
    assert recorded.causes() == {"capped": D("0.098")}


def test_a_correction_that_came_to_nothing_changes_nothing() -> None:
    recorded = Recorded()
    recorded.skip("kill switch")
    recorded.correct(Side.BUY, "0.01", state=OrderState.EXPIRED)
    assert recorded.causes() == {"kill switch": D("0.01")}


def test_a_correction_on_its_way_is_not_asked_for_twice() -> None:
    recorded = Recorded()
    recorded.skip("kill switch")
    recorded.correct(Side.BUY, "0.01", state=OrderState.SUBMITTING)
    assert recorded.causes() == {"on its way": D("0.01")}


def test_coins_that_no_copy_explains_are_named() -> None:
    recorded = Recorded()
    recorded.buy("0.1", "0.01")
    recorded.coins[BTC] += D("0.5")
    assert recorded.causes() == {"not explained by any copy": D("-0.5")}


def test_going_on_from_what_is_settled_comes_to_the_same() -> None:
    recorded = Recorded()
    recorded.skip("kill switch")
    recorded.buy("0.1", "0.01")
    recorded.lose("0.001")
    recorded.sell("0.05", "0.00225")
    (whole,) = replay([AccountReplay.of(recorded.user, MASTER)], recorded.history(), settled_before=recorded.now)
    recorded.buy("0.1", "0.01", state=OrderState.UNKNOWN)
    recorded.lose("0.001")
    (further,) = replay([whole.settled], recorded.history(after=whole.settled.number), settled_before=recorded.now)
    (anew,) = replay([AccountReplay.of(recorded.user, MASTER)], recorded.history())
    coins = recorded.history().coins
    assert whole.settled.number == 3
    assert further.settled.number == 3
    assert further.now.standings(coins) == anew.now.standings(coins)


def test_the_worth_is_at_the_last_price() -> None:
    recorded = Recorded()
    recorded.skip("kill switch")
    assert recorded.btc().worth == D("0.01") * PRICE
    assert recorded.btc().account == ANNA
