"""Signals, orders and reports for the tests of copying."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.copying.plan import PlanRules
from bot.domain.enums import BrokerType, Side, SizeType
from bot.domain.ids import AccountId, ClientOrderId, SignalId, TradeId, VenueOrderId
from bot.domain.orders import Fill, MarketOrder, OrderReport
from bot.domain.signals import TradeSignal
from tests.fakes.clock import NOW

MASTER = AccountId.master(BrokerType.KRAKEN)
TANIA = AccountId("tania", BrokerType.KRAKEN)
DAIVON = AccountId("daivon", BrokerType.KRAKEN)
PRICE = Decimal(50_000)

#: A thousand of the master's ten thousand.
ENTRY = TradeSignal(
    BrokerType.KRAKEN,
    "BTC-USD",
    Side.BUY,
    PRICE,
    Decimal("0.02"),
    SizeType.BASE,
    "O-ENTRY",
    Decimal(10_000),
    NOW,
    position_before=Decimal(0),
    answered_ns=5_000_000_000,
)
#: Half of the master's coins.
EXIT = replace(
    ENTRY,
    side=Side.SELL,
    order_id="O-EXIT",
    size=Decimal("0.01"),
    position_before=Decimal("0.02"),
    signal_id=SignalId(""),
)

RULES = PlanRules(
    stopped=None,
    observe_only=False,
    max_user_risk=Decimal("0.10"),
    now=NOW + 1,
    max_signal_age_s=60.0,
    deadline=NOW + 6,
)


def an_order(
    side: Side = Side.BUY, quantity: Any = "0.002", name: str = "c-1", account: AccountId = TANIA
) -> MarketOrder:
    return MarketOrder(account, ClientOrderId(name), "BTC-USD", side, Decimal(quantity), PRICE)


def a_report(executed: Any = "0.002", fee: Any = 0, fee_currency: str = "USD") -> OrderReport:
    size = Decimal(executed)
    return OrderReport(VenueOrderId("O-1"), size, PRICE, size * PRICE, Decimal(fee), fee_currency, final=True)


def a_fill(name: str = "T-1", executed: Any = "0.002") -> Fill:
    size = Decimal(executed)
    return Fill(TradeId(name), size, PRICE, size * PRICE, Decimal(0), "USD", NOW + 1)
