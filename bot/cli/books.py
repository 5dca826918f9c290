"""Compares the ledger with the books of a paper exchange, order by order."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId, ClientOrderId, is_own_name
from bot.domain.money import ZERO, plain
from bot.domain.states import AT_THE_VENUE
from bot.ledger.rows import OrderRow
from bot.ledger.views import Views

#: Alpaca's answers name neither what an order cost nor its fee: the ledger has what they come to.
_COMPUTED_TO = Decimal("0.00000001")
#: The account that leads, at the exchange.
_MASTER = "master"


def differences(views: Views, books: dict[str, Any]) -> tuple[int, list[str]]:
    """Every order of the ledger against every order of the exchange.

    Args:
        views: of the ledger.
        books: what the exchange's control API answers for ``/books``.

    Returns:
        How many orders the exchange has, and one line for each difference.
    """
    ledger = {
        (account.name, row.client_order_id): row
        for account, rows in views.all_orders_by_account().items()
        for row in rows
        if row.state in AT_THE_VENUE
    }
    placed: list[dict[str, Any]] = []
    by_hand: list[dict[str, Any]] = []
    for order in books["orders"]:
        is_known = (order["account"], order["client_order_id"]) in ledger
        (placed if is_known or not _may_be_by_hand(order) else by_hand).append(order)
    exchange = {(order["account"], order["client_order_id"]): order for order in placed}
    found = [f"{_name(key)} is in the ledger and not at the exchange" for key in ledger.keys() - exchange.keys()]
    found += [f"{_name(key)} is at the exchange and not in the ledger" for key in exchange.keys() - ledger.keys()]
    names = Counter((order["account"], order["client_order_id"]) for order in placed)
    found += [f"{_name(key)} is at the exchange {count} times" for key, count in names.items() if count > 1]
    for key in ledger.keys() & exchange.keys():
        found += _compare(key, ledger[key], exchange[key])
    return len(books["orders"]), found + _uncovered(views, by_hand)


def _may_be_by_hand(order: dict[str, Any]) -> bool:
    name = order["client_order_id"]
    return order["account"] == _MASTER and (name is None or not is_own_name(ClientOrderId(name)))


def _uncovered(views: Views, orders: list[dict[str, Any]]) -> list[str]:
    """What a master traded by hand, against the signals that it became."""
    found = []
    for order in orders:
        master = AccountId.master(BrokerType(order["venue"]))
        covered = views.covered(master, [order["order_id"]])[order["order_id"]]
        if covered != Decimal(order["executed"]):
            found.append(
                f"order {order['order_id']} by hand of {master}: {order['executed']} traded, signals have "
                f"{plain(covered)} of it"
            )
    return found


def _compare(key: tuple[str, str], row: OrderRow, order: dict[str, Any]) -> list[str]:
    computed = _COMPUTED_TO if row.account.venue is BrokerType.ALPACA else ZERO
    pairs = (("executed", row.executed, ZERO), ("cost", row.cost, computed), ("fee", row.fee, computed))
    found = [
        f"{_name(key)}: {what} is {plain(ours)} in the ledger, {order[what]} at the exchange"
        for what, ours, allowed in pairs
        if abs(ours - Decimal(order[what])) > allowed
    ]
    if row.order_id != order["order_id"]:
        found.append(f"{_name(key)}: order {row.order_id} in the ledger, {order['order_id']} at the exchange")
    return found


def _name(key: tuple[str, str]) -> str:
    return f"order {key[1]} of {key[0]}"
