"""The proof of signal emission fails when a field is wrong: each one is compared with the exchange's books."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.cli.verify_emission import _fields
from bot.domain.enums import BrokerType, Side, SizeType
from bot.domain.ids import AccountId, SignalId, new_client_order_id, signal_id_of
from bot.domain.signals import TradeSignal

_MASTER = AccountId.master(BrokerType.KRAKEN)
_NAME = new_client_order_id()
_AT = 1_790_000_000.0
_ORDER = {
    "symbol": "BTC-USD",
    "side": "buy",
    "volume": "0.02",
    "volume_in_quote": False,
    "order_id": "OABCDE-FGHIJ-KLMNOP",
    "client_order_id": _NAME,
    "opened_at": _AT,
}
_BEFORE = {"USD": Decimal("9000.12345"), "USDC": Decimal("10"), "BTC": Decimal("0.5")}
_PRICE = Decimal(50_000)


def signal() -> TradeSignal:
    return TradeSignal(
        broker=BrokerType.KRAKEN,
        symbol="BTC-USD",
        side=Side.BUY,
        price=_PRICE,
        size=Decimal("0.02"),
        size_type=SizeType.BASE,
        order_id="OABCDE-FGHIJ-KLMNOP",
        master_balance=Decimal("9010.1234"),
        timestamp=_AT + 0.5,
        position_before=Decimal("0.5"),
        signal_id=signal_id_of(_MASTER, _NAME),
        master=_MASTER,
        answered_ns=time.monotonic_ns() - 1000,
        made_ns=time.monotonic_ns() - 2_000_000,
    )


def wrong_fields(found: TradeSignal) -> set[str]:
    return {name for name, _, true in _fields(found, _ORDER, _BEFORE, _PRICE, Side.BUY) if not true}


def test_a_signal_as_the_books_say_it_passes() -> None:
    assert wrong_fields(signal()) == set()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"broker": BrokerType.COINBASE}, "broker"),
        ({"symbol": "ETH-USD"}, "symbol"),
        ({"side": Side.SELL}, "side"),
        ({"price": Decimal(49_990)}, "price"),
        ({"size": Decimal("0.021")}, "size"),
        ({"size_type": SizeType.QUOTE}, "size_type"),
        ({"order_id": "other"}, "order_id"),
        ({"master_balance": Decimal("9010.2")}, "master_balance"),
        ({"position_before": None}, "position_before"),
        ({"signal_id": SignalId("other")}, "signal_id"),
        ({"master": AccountId("anna", BrokerType.KRAKEN)}, "master"),
        ({"timestamp": 0.0}, "timestamp"),
        ({"answered_ns": 0}, "made_ns, answered_ns"),
        ({"by_hand": True, "complete": True}, "by_hand"),
        ({"filled_before": Decimal(1)}, "filled_before"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_field_that_is_not_as_the_books_say_is_found(change: dict[str, Any], named: str) -> None:
    assert named in wrong_fields(replace(signal(), **change))
