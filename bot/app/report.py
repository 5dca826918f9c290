"""A trade's report, and its JSON: what command rows carry and ``--json`` prints."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.domain.money import plain
from bot.domain.orders import OrderReport, OrderResult
from bot.domain.signals import CopyTradeResult


@dataclass(frozen=True, slots=True)
class MasterTradeReport:
    """A master's trade and every copy of it. True when the master's order was accepted."""

    master: OrderResult
    copies: tuple[CopyTradeResult, ...] = ()
    complete: bool = True

    def __bool__(self) -> bool:
        return self.master.accepted


def report_as_json(report: MasterTradeReport) -> dict[str, Any]:
    """``accepted``, ``complete``, ``master`` and ``copies``; one entry an account; decimals as strings."""
    master, order = report.master, report.master.order
    return {
        "accepted": report.master.accepted,
        "complete": report.complete,
        "master": {
            "account": str(master.account),
            "symbol": order.symbol if order else None,
            "side": order.side if order else None,
            "state": master.state,
            "balance": _text(order.balance_before) if order else None,
            "quantity": _text(order.quantity) if order else None,
            "reason": master.reason,
            "order_id": master.order_id,
            "milliseconds": None,
            **_fill(master.report),
        },
        "copies": [_copy_as_json(copy) for copy in report.copies],
    }


def _copy_as_json(copy: CopyTradeResult) -> dict[str, Any]:
    return {
        "account": str(copy.account),
        "symbol": copy.symbol,
        "side": copy.side,
        "state": copy.state,
        "balance": _text(copy.balance),
        "quantity": _text(copy.quantity),
        "reason": copy.reason,
        "order_id": copy.order_id,
        "milliseconds": None if copy.milliseconds is None else round(copy.milliseconds, 1),
        **_fill(copy.report),
    }


def _fill(report: OrderReport | None) -> dict[str, str | None]:
    if report is None:
        return {"executed": None, "price": None, "cost": None, "fee": None}
    return {
        "executed": _text(report.executed),
        "price": _text(report.average_price),
        "cost": _text(report.cost),
        "fee": _text(report.fee),
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
