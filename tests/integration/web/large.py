"""A ledger with many copies, written past the journal, which would take minutes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from bot.domain.enums import BrokerType, OrderState, Side, SizeType
from bot.domain.ids import AccountId
from bot.domain.money import to_decimal
from bot.ledger import tables
from bot.ledger.database import Database
from tests.unit.ledger.builders import NOW

_STATES = [OrderState.FILLED] * 17 + [OrderState.SKIPPED, OrderState.REJECTED, OrderState.PARTIALLY_FILLED]
_QUARTER_S = 900


def fill(url: str, signals: int, users: int, balance_days: int = 0, until: float = NOW) -> None:
    """So many signals, one every ten minutes until then, each with a copy of every user."""
    dice = random.Random(7)
    database = Database(url)
    with database.writing() as connection:
        for number in range(1, signals + 1):
            at = until - (signals - number) * 600.0
            connection.execute(tables.signals.insert(), _signal(number, at))
            connection.execute(tables.copies.insert(), list(_copies(number, at, users, dice)))
        history = list(_balances(users, balance_days, until))
        for begin in range(0, len(history), 10_000):
            connection.execute(tables.balance_history.insert(), history[begin : begin + 10_000])
    database.dispose()


def user(number: int) -> AccountId:
    return AccountId(f"user_{number:03}", BrokerType.KRAKEN)


def _signal(number: int, at: float) -> dict[str, Any]:
    return {
        "signal_id": f"signal-{number:06}",
        "venue": BrokerType.KRAKEN,
        "master": AccountId.master(BrokerType.KRAKEN),
        "symbol": "BTC-USD",
        "side": Side.SELL if number % 2 else Side.BUY,
        "price": to_decimal("60000"),
        "size": to_decimal("0.015"),
        "size_type": SizeType.BASE,
        "order_id": f"O{number:06}",
        "master_balance": to_decimal("10000"),
        "position_before": to_decimal("0.1"),
        "timestamp": at,
        "planned_at": at,
        "observe_only": False,
        "number": number,
        "by_hand": False,
        "filled_before": to_decimal(0),
    }


def _copies(number: int, at: float, users: int, dice: random.Random) -> Iterator[dict[str, Any]]:
    for one in range(users):
        state = dice.choice(_STATES)
        sent = state is not OrderState.SKIPPED
        yield {
            "client_order_id": f"copy-{number:06}-{one:03}",
            "signal_id": f"signal-{number:06}",
            "account": user(one),
            "user_id": user(one).name,
            "venue": BrokerType.KRAKEN,
            "symbol": "BTC-USD",
            "side": Side.SELL if number % 2 else Side.BUY,
            "code": "" if sent else "too small",
            "note": "",
            "attempt": 1,
            "leg": 1,
            "balance": to_decimal("1000"),
            "quantity": to_decimal("0.0015") if sent else to_decimal(0),
            "quote_value": to_decimal("90"),
            "price": to_decimal("60000"),
            "deadline": at + 5,
            "planned_at": at,
            "milliseconds": round(dice.uniform(20, 400), 2) if sent else None,
            "state": state,
            "reason": "" if sent else "below the smallest order",
            "order_id": f"V{number:06}{one:03}" if sent else None,
            "executed": to_decimal("0.00149") if sent else to_decimal(0),
            "average_price": to_decimal(str(round(dice.uniform(59900, 60100), 2))) if sent else to_decimal(0),
            "cost": to_decimal("89.4"),
            "fee": to_decimal("0.23"),
            "fee_currency": "USD",
            "answered_at": at + 0.2,
            "settled_at": at + 0.5,
        }


def _balances(users: int, days: int, until: float) -> Iterator[dict[str, Any]]:
    last = int(until // _QUARTER_S)
    for one in range(users):
        for period in range(last - days * 96, last):
            worth = to_decimal(1000 + period % 50)
            yield {
                "account": user(one),
                "period": period,
                "balance": worth,
                "equity": worth,
                "at": period * _QUARTER_S + 60.0,
            }
