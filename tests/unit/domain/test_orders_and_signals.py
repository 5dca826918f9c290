"""Balances, results and signals: what is read off them decides sizes."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from bot.domain.enums import BrokerType, OrderState, Side, SizeType
from bot.domain.errors import InvalidAmount
from bot.domain.ids import AccountId, ClientOrderId, SignalId, VenueOrderId, signal_id_of
from bot.domain.instruments import Instrument, split_symbol
from bot.domain.orders import AccountBalances, MarketOrder, OrderResult, Refused, is_own, rejected
from bot.domain.outcomes import Accepted, Rejected, Unknown
from bot.domain.signals import TradeSignal

MASTER = AccountId.master(BrokerType.KRAKEN)


def a_signal(**changes: object) -> TradeSignal:
    signal = TradeSignal(
        broker=BrokerType.KRAKEN,
        symbol="BTC-USD",
        side=Side.BUY,
        price=Decimal(50_000),
        size=Decimal("0.02"),
        size_type=SizeType.BASE,
        order_id="O-1",
        master_balance=Decimal(10_000),
        timestamp=1.0,
    )
    return dataclasses.replace(signal, signal_id=SignalId(""), **changes)  # type: ignore[arg-type]


def test_dollars_and_what_is_pegged_to_them_are_the_trading_balance() -> None:
    balances = AccountBalances(
        {"USD": Decimal(10), "USDT": Decimal(5), "USDC": Decimal("0.5"), "BTC": Decimal(1), "EUR": Decimal(100)},
        held={"USD": Decimal(1000)},
    )
    assert balances.trading_balance == Decimal("15.5")


def test_an_empty_account_has_a_balance_of_zero() -> None:
    assert AccountBalances({}).trading_balance == 0
    assert AccountBalances({}).holdings == {}


def test_holdings_count_what_is_bound_in_orders_and_leave_out_zeros_and_dollars() -> None:
    balances = AccountBalances(
        {"USD": Decimal(10), "BTC": Decimal(1), "ETH": Decimal(0)}, held={"BTC": Decimal("0.5"), "SOL": Decimal(3)}
    )
    assert balances.holdings == {"BTC": Decimal("1.5"), "SOL": Decimal(3)}


def test_a_result_is_true_only_when_the_venue_has_the_order() -> None:
    accepted = OrderResult(MASTER, None, Accepted(VenueOrderId("O-1")), OrderState.ACCEPTED)
    unknown = OrderResult(MASTER, None, Unknown("read timed out"), OrderState.UNKNOWN)
    refused = rejected(MASTER, "kill switch")
    assert (bool(accepted), accepted.order_id, accepted.reason) == (True, "O-1", "")
    assert (bool(unknown), unknown.order_id, unknown.reason) == (False, None, "read timed out")
    assert (bool(refused), refused.order_id, refused.reason) == (False, None, "kill switch")
    assert refused.outcome == Rejected("kill switch", sent=False)


def test_a_refusal_reads_as_code_and_figures() -> None:
    assert str(Refused("below minimum", "$0.50")) == "below minimum: $0.50"
    assert str(Refused("below minimum")) == "below minimum"


def test_values_cannot_be_changed_afterwards() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        a_signal().price = Decimal(1)  # type: ignore[misc]


def test_a_signal_knows_its_master_and_always_has_the_same_name() -> None:
    signal = a_signal()
    assert signal.master_account == MASTER
    assert signal.signal_id == signal_id_of(MASTER, "O-1")
    assert a_signal(price=Decimal(1), timestamp=2.0).signal_id == signal.signal_id
    assert a_signal(order_id="O-2").signal_id != signal.signal_id
    assert a_signal(broker=BrokerType.ALPACA, master=None).signal_id != signal.signal_id


def test_a_size_in_quote_becomes_base_through_the_signals_price() -> None:
    assert a_signal(size=Decimal(1000), size_type=SizeType.QUOTE).base_size == Decimal("0.02")
    assert a_signal().base_size == Decimal("0.02")


@pytest.mark.parametrize(
    ("by_hand", "complete", "is_last"),
    [(False, False, True), (True, False, False), (True, True, True)],
    ids=["of the bot", "by hand", "by hand and complete"],
)
def test_after_which_part_no_further_one_is_expected(by_hand: bool, complete: bool, is_last: bool) -> None:
    assert a_signal(by_hand=by_hand, complete=complete).is_last_part is is_last


def test_an_order_copies_nothing_when_a_master_or_the_account_itself_decided_it() -> None:
    user = AccountId("tania", BrokerType.KRAKEN)
    orders = [
        MarketOrder(account, ClientOrderId("c"), "BTC-USD", Side.BUY, Decimal(1), Decimal(1), own=own)
        for account, own in ((MASTER, False), (user, True), (user, False))
    ]
    assert [is_own(order) for order in orders] == [True, True, False]


@pytest.mark.parametrize("symbol", ["", "BTC", "BTCUSD", "-USD", "BTC-", "BTC/USD"])
def test_a_symbol_without_base_or_quote_is_refused(symbol: str) -> None:
    with pytest.raises(InvalidAmount, match="BASE-QUOTE"):
        split_symbol(symbol)


def test_a_size_is_below_the_minimum_by_its_size_or_by_its_cost() -> None:
    instrument = Instrument("BTC-USD", "BTC", "USD", Decimal("0.0001"), Decimal("0.1"), Decimal("0.001"), Decimal(5))
    assert instrument.is_below_minimum(Decimal("0.0009"), Decimal(1_000_000), Side.BUY)
    assert instrument.is_below_minimum(Decimal("0.001"), Decimal("4999.99"), Side.BUY)
    assert not instrument.is_below_minimum(Decimal("0.001"), Decimal(5000), Side.BUY)
    assert instrument.floor_size(Decimal("0.00199999")) == Decimal("0.0019")
