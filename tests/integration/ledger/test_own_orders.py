"""Orders that a user's account decided for itself: recorded like a master's, and never taken for copies."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.domain.enums import OrderState, Side
from bot.domain.errors import IllegalTransition, LedgerUnavailable
from bot.domain.ids import AccountId, ClientOrderId, TradeId, VenueOrderId
from bot.domain.orders import Fill, MarketOrder
from bot.domain.outcomes import Accepted, Rejected, Unknown
from bot.ledger.journal import Ledger
from bot.ledger.rows import OwnPosition
from tests.unit.ledger.builders import (
    DAIVON,
    MASTER,
    NOW,
    PRICE,
    QUANTITY,
    TANIA,
    copy_of,
    fill_of,
    master_order,
    order_of,
    report_of,
    signal_of,
)

OWN = replace(master_order("6e696a61-2821-40e2-ad83-4ecb18a06876"), account=DAIVON, own=True)


def done(ledger: Ledger, order: MarketOrder, *fills: Fill) -> None:
    """The order is placed and filled."""
    ledger.intend(order)
    order_id = f"O-{order.client_order_id}"
    ledger.answered(order, Accepted(VenueOrderId(order_id)), OrderState.ACCEPTED)
    ledger.settled(order, report_of(*fills, order_id=order_id), OrderState.FILLED)
    assert ledger.flush(30)


def bought(name: str, quantity: str, price: str, time: float, **changes: object) -> Fill:
    size, at = Decimal(quantity), Decimal(price)
    fill = Fill(TradeId(name), size, at, size * at, Decimal(0), "USD", time)
    return replace(fill, **changes)  # type: ignore[arg-type]


def own(name: str, side: Side = Side.BUY, symbol: str = "BTC-USD", account: AccountId = DAIVON) -> MarketOrder:
    return replace(OWN, client_order_id=ClientOrderId(name), side=side, symbol=symbol, account=account)


def test_an_own_order_of_a_user_has_its_whole_history(ledger: Ledger) -> None:
    done(ledger, OWN, fill_of())

    [row] = ledger.views.own_orders_of(DAIVON)
    assert (row.account, row.state, row.executed, row.signal_id) == (DAIVON, OrderState.FILLED, QUANTITY, None)
    states = [event.to_state for event in ledger.views.events_of(OWN.client_order_id)]
    assert states == [OrderState.SUBMITTING, OrderState.ACCEPTED, OrderState.FILLED]
    assert ledger.is_own_order(DAIVON, OWN.client_order_id)
    assert [order.order_id for order in ledger.views.all_orders_by_account()[DAIVON]] == [row.order_id]


def test_its_coins_are_not_copied_ones(ledger: Ledger) -> None:
    done(ledger, OWN, fill_of())

    assert ledger.copied_coins() == {}
    assert ledger.write_off(DAIVON, "BTC-USD", QUANTITY, "sold by hand") == 0


def test_it_does_not_disturb_the_copies_of_the_same_account(ledger: Ledger) -> None:
    signal = signal_of()
    copy = copy_of(signal)
    ledger.record_plan(signal, [copy])
    ledger.settled(order_of(copy), report_of(fill_of("T-copy"), order_id="V1"), OrderState.FILLED)
    done(ledger, OWN, fill_of("T-own"))
    done(ledger, own("sale", Side.SELL), fill_of("T-sale"))

    assert ledger.copied_coins() == {(DAIVON, "BTC-USD"): QUANTITY}
    assert ledger.views.counts().copied == 1


def test_it_is_never_sent_twice(ledger: Ledger) -> None:
    ledger.intend(OWN)

    with pytest.raises(IllegalTransition, match="written before"):
        ledger.intend(OWN)


def test_without_the_mark_a_users_order_still_needs_its_plan(ledger: Ledger) -> None:
    with pytest.raises(LedgerUnavailable, match="no planned copy"):
        ledger.intend(replace(OWN, own=False))

    assert ledger.views.own_orders_of(DAIVON) == []


def test_an_open_one_is_taken_up_at_a_start_and_never_becomes_a_signal(ledger: Ledger) -> None:
    of_master = master_order()
    for order in (OWN, of_master):
        ledger.intend(order)
        ledger.answered(order, Accepted(VenueOrderId(f"O-{order.account}")), OrderState.ACCEPTED)
    doubted = own("doubted")
    ledger.intend(doubted)
    ledger.answered(doubted, Unknown("timeout"), OrderState.UNKNOWN)
    refused = own("refused")
    ledger.intend(refused)
    ledger.answered(refused, Rejected("EOrder:Insufficient funds"), OrderState.REJECTED)
    assert ledger.flush(30)

    found = {row.client_order_id for row in ledger.views.open_master_orders()}
    assert found == {OWN.client_order_id, of_master.client_order_id, doubted.client_order_id}
    assert [row.account for row in ledger.views.unemitted_master_orders()] == [MASTER]


# -- what the bot itself holds ----------------------------------------------------------------------------------------


def test_a_position_is_what_own_orders_bought_at_their_average_price(ledger: Ledger) -> None:
    done(ledger, own("a"), bought("T1", "0.1", "50000", NOW), bought("T2", "0.1", "51000", NOW + 1))
    done(ledger, own("b", symbol="ETH-USD"), bought("T3", "2", "3000", NOW + 2))
    done(ledger, own("c", Side.SELL), bought("T4", "0.05", "60000", NOW + 3))

    assert ledger.positions_of(DAIVON) == {
        "BTC-USD": OwnPosition(Decimal("0.15"), Decimal(50500), NOW),
        "ETH-USD": OwnPosition(Decimal(2), Decimal(3000), NOW + 2),
    }
    assert ledger.positions_of(TANIA) == {}


def test_fills_that_are_still_queued_are_waited_for(ledger: Ledger) -> None:
    ledger.intend(OWN)
    ledger.settled(OWN, report_of(bought("T1", "0.1", "50000", NOW)), OrderState.FILLED)

    assert ledger.positions_of(DAIVON)["BTC-USD"].quantity == Decimal("0.1")


def test_copied_coins_are_no_position_of_the_account(ledger: Ledger) -> None:
    signal = signal_of()
    copy = copy_of(signal)
    ledger.record_plan(signal, [copy])
    ledger.settled(order_of(copy), report_of(fill_of(), order_id="V1"), OrderState.FILLED)

    assert ledger.positions_of(DAIVON) == {}


def test_a_masters_position_is_told_in_the_same_way(ledger: Ledger) -> None:
    done(ledger, replace(master_order(), own=True), bought("T1", "0.015", str(PRICE), NOW))

    assert ledger.positions_of(MASTER) == {"BTC-USD": OwnPosition(Decimal("0.015"), PRICE, NOW)}
