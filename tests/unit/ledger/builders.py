"""Signals, copies, orders and reports as Kraken's answers give them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.enums import BrokerType, OrderState, Side, SizeType
from bot.domain.ids import AccountId, ClientOrderId, TradeId, VenueOrderId, client_order_id_of
from bot.domain.orders import Fill, MarketOrder, OrderReport, Refused, Sized
from bot.domain.signals import PlannedCopy, TradeSignal

NOW = 1_795_233_464.25
PRICE = Decimal("67850.1")
QUANTITY = Decimal("0.00734213")
MASTER = AccountId.master(BrokerType.KRAKEN)
DAIVON = AccountId("daivon_frazier", BrokerType.KRAKEN)
TANIA = AccountId("tania_gilbert", BrokerType.KRAKEN)


@dataclass
class SetClock:
    """A clock that stands where it is put."""

    now: float = NOW

    def time(self) -> float:
        return self.now

    def time_ns(self) -> int:
        return int(self.now * 1e9)

    def monotonic_ns(self) -> int:
        return int(self.now * 1e9)


def users(count: int) -> list[AccountId]:
    return [AccountId(f"user_{number:03}", BrokerType.KRAKEN) for number in range(count)]


def signal_of(order_id: str = "OQCLML-BW3P3-BUCMWZ", side: Side = Side.BUY, symbol: str = "BTC-USD") -> TradeSignal:
    return TradeSignal(
        broker=BrokerType.KRAKEN,
        symbol=symbol,
        side=side,
        price=PRICE,
        size=Decimal("0.01500000"),
        size_type=SizeType.BASE,
        order_id=order_id,
        master_balance=Decimal("10250.7731"),
        timestamp=NOW - 0.02,
        position_before=Decimal("0.10000000"),
    )


def copy_of(
    signal: TradeSignal,
    account: AccountId = DAIVON,
    state: OrderState = OrderState.SUBMITTING,
    decision: Sized | Refused | None = None,
    reason: str = "",
) -> PlannedCopy:
    return PlannedCopy(
        signal_id=signal.signal_id,
        account=account,
        client_order_id=client_order_id_of(signal.signal_id, account),
        symbol=signal.symbol,
        side=signal.side,
        balance=Decimal("1034.5500"),
        decision=decision or Sized(QUANTITY, Decimal("498.16"), "capped at 10 % of the balance"),
        state=state,
        reason=reason,
        deadline=NOW + 5,
    )


def copies_for(signal: TradeSignal, accounts: Iterable[AccountId]) -> list[PlannedCopy]:
    return [copy_of(signal, account) for account in accounts]


def order_of(copy: PlannedCopy, quantity: Decimal = QUANTITY) -> MarketOrder:
    return MarketOrder(copy.account, copy.client_order_id, copy.symbol, copy.side, quantity, PRICE)


def master_order(name: str = "6d1b345e-2821-40e2-ad83-4ecb18a06876", side: Side = Side.BUY) -> MarketOrder:
    return MarketOrder(
        MASTER,
        ClientOrderId(name),
        "BTC-USD",
        side,
        Decimal("0.01500000"),
        PRICE,
        position_before=Decimal("0.10000000"),
        balance_before=Decimal("10250.7731"),
    )


def fill_of(
    trade_id: str = "TCCCTY-WE2O6-P3NB37", quantity: Decimal = QUANTITY, fee: str = "1.29522", fee_currency: str = "USD"
) -> Fill:
    return Fill(TradeId(trade_id), quantity, PRICE, quantity * PRICE, Decimal(fee), fee_currency, NOW + 0.05)


def report_of(*fills: Fill, order_id: str = "OU22CG-KLAF2-FWUDD7", final: bool = True) -> OrderReport:
    executed = sum((fill.quantity for fill in fills), Decimal(0))
    cost = sum((fill.cost for fill in fills), Decimal(0))
    return OrderReport(
        VenueOrderId(order_id),
        executed,
        cost / executed if executed else Decimal(0),
        cost,
        sum((fill.fee for fill in fills), Decimal(0)),
        "USD",
        final,
        fills=fills,
    )
