"""Fills are stored once, and coins that copying bought follow them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bot.domain.enums import OrderState, Side
from bot.domain.ids import ClientOrderId, VenueOrderId
from bot.domain.orders import Fill, MarketOrder
from bot.domain.outcomes import Accepted, Rejected, Unknown
from bot.ledger.journal import Ledger
from tests.unit.ledger.builders import (
    DAIVON,
    NOW,
    TANIA,
    SetClock,
    copy_of,
    fill_of,
    master_order,
    order_of,
    report_of,
    signal_of,
)

BTC = (DAIVON, "BTC-USD")


def accepted_copy(ledger: Ledger, number: int, side: Side = Side.BUY) -> MarketOrder:
    signal = signal_of(f"O{number}", side)
    copy = copy_of(signal)
    ledger.record_plan(signal, [copy])
    order = order_of(copy)
    ledger.answered(order, Accepted(VenueOrderId(f"V{number}")), OrderState.ACCEPTED)
    return order


def trade(ledger: Ledger, number: int, side: Side, *fills: Fill) -> MarketOrder:
    order = accepted_copy(ledger, number, side)
    ledger.settled(order, report_of(*fills, order_id=f"V{number}"), OrderState.FILLED)
    return order


def test_a_buy_adds_and_a_sell_takes_away(ledger: Ledger) -> None:
    trade(ledger, 1, Side.BUY, fill_of("T1", Decimal("0.00500001")), fill_of("T2", Decimal("0.00234212")))
    trade(ledger, 2, Side.SELL, fill_of("T3", Decimal("0.00000003")))

    assert ledger.copied_coins() == {BTC: Decimal("0.00734210")}


def test_coins_that_are_all_sold_are_gone(ledger: Ledger) -> None:
    trade(ledger, 1, Side.BUY, fill_of("T1"))
    trade(ledger, 2, Side.SELL, fill_of("T2"))

    assert ledger.copied_coins() == {}


def test_the_same_fill_moves_coins_once_whatever_brings_it(ledger: Ledger) -> None:
    fill = fill_of("T1")
    order = accepted_copy(ledger, 1)
    ledger.settled(order, report_of(fill, final=False), OrderState.ACCEPTED)
    ledger.settled(order, report_of(fill), OrderState.FILLED)
    assert ledger.flush(30)
    ledger.settled(order, report_of(fill), OrderState.FILLED)

    assert ledger.copied_coins() == {BTC: fill.quantity}


def test_a_fee_in_the_coin_itself_is_not_ours_to_sell(ledger: Ledger) -> None:
    trade(ledger, 1, Side.BUY, fill_of("T1", Decimal("0.01"), fee="0.000026", fee_currency="BTC"))

    assert ledger.copied_coins() == {BTC: Decimal("0.009974")}


def test_a_fee_in_dollars_takes_no_coins(ledger: Ledger) -> None:
    trade(ledger, 1, Side.BUY, fill_of("T1", Decimal("0.01"), fee="1.76", fee_currency="USD"))

    assert ledger.copied_coins() == {BTC: Decimal("0.01")}


def test_selling_more_than_copying_bought_is_kept_back_from_the_next_exit_and_said(ledger: Ledger) -> None:
    trade(ledger, 1, Side.BUY, fill_of("T1", Decimal("0.01")))
    order = trade(ledger, 2, Side.SELL, fill_of("T2", Decimal("0.013")))

    assert ledger.copied_coins() == {BTC: Decimal("-0.003")}
    details = [event.detail for event in ledger.views.events_of(order.client_order_id)]
    assert "trade T2 sold 0.003 BTC-USD more than copying is known to have bought" in details


def test_a_sale_that_is_known_before_its_buy_leaves_no_coins_that_are_not_there(ledger: Ledger) -> None:
    """After a restart a sale's fill may be asked for and found sooner than the fill of the buy before it."""
    buy, sale = accepted_copy(ledger, 1, Side.BUY), accepted_copy(ledger, 2, Side.SELL)
    ledger.settled(sale, report_of(fill_of("T2", Decimal("0.01"))), OrderState.FILLED)
    assert ledger.flush(30)
    bought = fill_of("T1", Decimal("0.04"))
    ledger.settled(buy, report_of(bought), OrderState.FILLED)

    assert ledger.copied_coins() == {BTC: Decimal("0.03")}
    [coins] = ledger.views.copied_coins(DAIVON)
    assert coins.cost == bought.cost * 3 / 4


def test_a_masters_fills_are_no_copied_coins(ledger: Ledger) -> None:
    order = master_order()
    ledger.intend(order)
    ledger.answered(order, Accepted(VenueOrderId("O1")), OrderState.ACCEPTED)
    ledger.settled(order, report_of(fill_of()), OrderState.FILLED)

    assert ledger.copied_coins() == {}


def test_one_trade_id_at_two_accounts_is_two_fills(ledger: Ledger) -> None:
    signal = signal_of()
    copies = [copy_of(signal, DAIVON), copy_of(signal, TANIA)]
    ledger.record_plan(signal, copies)
    for copy in copies:
        ledger.answered(order_of(copy), Accepted(VenueOrderId("V")), OrderState.ACCEPTED)
        ledger.settled(order_of(copy), report_of(fill_of("T1", Decimal("0.01"))), OrderState.FILLED)

    assert ledger.copied_coins() == {BTC: Decimal("0.01"), (TANIA, "BTC-USD"): Decimal("0.01")}
    assert ledger.copied_coins(TANIA) == {(TANIA, "BTC-USD"): Decimal("0.01")}


def test_what_the_coins_cost_goes_with_them(ledger: Ledger) -> None:
    fill = fill_of("T1", Decimal("0.01"))
    trade(ledger, 1, Side.BUY, fill)
    trade(ledger, 2, Side.SELL, fill_of("T2", Decimal("0.0075")))

    assert ledger.flush(30)
    [coins] = ledger.views.copied_coins(DAIVON)
    assert (coins.quantity, coins.cost) == (Decimal("0.0025"), fill.cost / 4)


_amounts = st.decimals(min_value=Decimal("0.00000001"), max_value=Decimal("100000"), places=8)
_trades = st.lists(st.tuples(st.sampled_from(Side), _amounts, st.booleans()), max_size=6)


@hypothesis_settings(max_examples=40)
@given(trades=_trades)
def test_coins_are_the_sum_of_the_fills(trades: list[tuple[Side, Decimal, bool]]) -> None:
    expected = Decimal(0)
    with Ledger("sqlite://", SetClock(), linger_s=0) as ledger:
        for number, (side, amount, told_twice) in enumerate(trades):
            order = trade(ledger, number, side, fill_of(f"T{number}", amount))
            if told_twice:
                ledger.settled(order, report_of(fill_of(f"T{number}", amount)), OrderState.FILLED)
            expected += amount if side is Side.BUY else -amount
        assert ledger.flush(30)
        coins = ledger.copied_coins()

    assert coins == ({BTC: expected} if expected else {})


_ANSWERS = {
    OrderState.UNKNOWN: Unknown("timeout"),
    OrderState.ACCEPTED: Accepted(VenueOrderId("V1")),
    OrderState.REJECTED: Rejected("EOrder:Insufficient funds"),
    OrderState.FAILED: Rejected("not at the venue"),
}
# Each digit of their sum tells how often one of them was counted.
_PARTS = [fill_of(f"T{number}", Decimal(10**number)) for number in range(4)]
_answer = st.sampled_from(sorted(_ANSWERS))
_settlement = st.tuples(
    st.sets(st.integers(0, 3), max_size=4), st.sampled_from([OrderState.PARTIALLY_FILLED, OrderState.FILLED])
)
_STARTS = (OrderState.PLANNED, OrderState.SUBMITTING)


@hypothesis_settings(max_examples=60)
@given(
    start=st.sampled_from(_STARTS),
    steps=st.lists(st.tuples(st.booleans(), st.one_of(_answer, _settlement)), max_size=8),
    flush_between=st.booleans(),
)
def test_whatever_the_state_each_fill_is_stored_once(start: OrderState, steps: list, flush_between: bool) -> None:
    """Fills come again and again, before and after answers, under the name that the copy has or one that it had."""
    signal = signal_of()
    copy = copy_of(signal, state=start)
    names = [order_of(copy), replace(order_of(copy), client_order_id=ClientOrderId("former"))]
    told: set[int] = set()
    with Ledger("sqlite://", SetClock(), linger_s=0) as ledger:
        ledger.record_plan(signal, [copy])
        for of_former_name, step in steps:
            order = names[of_former_name]
            if isinstance(step, OrderState):
                ledger.answered(order, _ANSWERS[step], step)
            else:
                parts, state = step
                told |= parts
                ledger.settled(order, report_of(*(_PARTS[part] for part in parts), order_id="V1"), state)
            assert not flush_between or ledger.flush(30)
        assert ledger.flush(30)
        coins = ledger.copied_coins()

    bought = sum((_PARTS[part].quantity for part in told), Decimal(0))
    assert coins == ({BTC: bought} if bought else {})


@pytest.mark.parametrize("state", [OrderState.SUBMITTING, OrderState.UNKNOWN])
def test_a_fill_tells_that_the_venue_has_the_order(ledger: Ledger, state: OrderState) -> None:
    signal = signal_of()
    copy = copy_of(signal)
    ledger.record_plan(signal, [copy])
    if state is OrderState.UNKNOWN:
        ledger.answered(order_of(copy), Unknown("timeout"), OrderState.UNKNOWN)

    ledger.settled(order_of(copy), report_of(fill_of(), order_id="V1"), OrderState.FILLED)
    ledger.answered(order_of(copy), Accepted(VenueOrderId("V1")), OrderState.ACCEPTED)
    assert ledger.flush(30)

    row = ledger.views.copy(copy.client_order_id)
    assert row is not None
    assert (row.state, row.order_id, row.executed) == (OrderState.FILLED, "V1", fill_of().quantity)
    states = [event.to_state for event in ledger.views.events_of(copy.client_order_id)]
    assert states[-3:] == [state, OrderState.ACCEPTED, OrderState.FILLED]


def test_an_order_that_the_venue_has_under_two_ids_is_told(ledger: Ledger) -> None:
    order = trade(ledger, 1, Side.BUY, fill_of("T1"))
    ledger.answered(order, Accepted(VenueOrderId("V2")), OrderState.ACCEPTED)
    assert ledger.flush(30)

    row = ledger.views.copy(order.client_order_id)
    assert row is not None
    assert row.order_id == "V1"
    assert ledger.views.events_of(order.client_order_id)[-1].detail == "refused: the venue calls it V2 too"


def test_coins_that_were_sold_by_hand_are_written_off_with_their_cost(ledger: Ledger, clock: SetClock) -> None:
    fill = fill_of("T1", Decimal("0.01"))
    trade(ledger, 1, Side.BUY, fill)
    clock.now += 5

    assert ledger.write_off(*BTC, Decimal("0.0075"), "sold by hand") == Decimal("0.0075")

    [coins] = ledger.views.copied_coins(DAIVON)
    assert (coins.quantity, coins.cost) == (Decimal("0.0025"), fill.cost / 4)
    [row] = ledger.views.coin_adjustments(DAIVON)
    assert (row.account, row.symbol, row.quantity) == (DAIVON, "BTC-USD", Decimal("0.0075"))
    assert (row.reason, row.at) == ("sold by hand", NOW + 5)
    assert ledger.views.coin_adjustments(TANIA) == []
    assert ledger.views.coin_adjustments() == [row]


def test_no_more_is_written_off_than_copying_bought(ledger: Ledger) -> None:
    trade(ledger, 1, Side.BUY, fill_of("T1", Decimal("0.01")))

    assert ledger.write_off(*BTC, Decimal("0.5"), "sold by hand") == Decimal("0.01")
    assert ledger.write_off(*BTC, Decimal("0.5"), "sold by hand") == 0
    assert ledger.write_off(TANIA, "BTC-USD", Decimal("0.5"), "sold by hand") == 0
    assert ledger.write_off(*BTC, Decimal("-1"), "found") == 0

    assert ledger.copied_coins() == {}
    assert [row.quantity for row in ledger.views.coin_adjustments()] == [Decimal("0.01")]


def test_fills_that_come_after_a_write_off_count_on(ledger: Ledger) -> None:
    trade(ledger, 1, Side.BUY, fill_of("T1", Decimal("0.01")))
    ledger.write_off(*BTC, Decimal("0.004"), "sold by hand")
    trade(ledger, 2, Side.BUY, fill_of("T2", Decimal("0.01")))
    trade(ledger, 3, Side.SELL, fill_of("T3", Decimal("0.006")))

    assert ledger.copied_coins() == {BTC: Decimal("0.01")}
