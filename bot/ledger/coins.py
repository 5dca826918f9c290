"""Fills, stored once whatever brings them, and the coins that copying bought."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, bindparam, select

from bot.domain.enums import Side
from bot.domain.ids import AccountId, TradeId
from bot.domain.instruments import split_symbol
from bot.domain.money import ONE, ZERO
from bot.domain.orders import Fill, MarketOrder, OrderReport, is_own
from bot.ledger.tables import coin_adjustments, copied_coins, fills


@dataclass(frozen=True, slots=True)
class CopiedCoins:
    """Coins of one account and symbol that copying bought.

    Attributes:
        quantity: base; below zero while a sale is known and the buy before it is not, or for what was sold too much.
        cost: quote, what was paid for them without fees.
    """

    account: AccountId
    symbol: str
    quantity: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class CoinAdjustment:
    """Coins that copying had bought and that were no longer there: how many (base), why, and when that was seen."""

    id: int
    account: AccountId
    symbol: str
    quantity: Decimal
    reason: str
    at: float


_Place = tuple[AccountId, str]


class Books:
    """Fills and coins while a run of reports is worked into them.

    Args:
        connection: the transaction.
        settled: orders and reports of the run.
    """

    def __init__(self, connection: Connection, settled: Iterable[tuple[MarketOrder, OrderReport]]) -> None:
        self._connection = connection
        named = list(settled)
        self._known = self._known_fills({fill.trade_id for _, report in named for fill in report.fills})
        self._coins = self._stored_coins({order.account for order, _ in named if not is_own(order)})
        self._stored = set(self._coins)
        self._new_fills: list[dict[str, Any]] = []
        self._moved: set[_Place] = set()

    def take(self, order: MarketOrder, found: Iterable[Fill]) -> list[str]:
        """Take the fills that are not there yet and move a user's coins by them; returns what people should know.

        What an account decided for itself moves no coins: they are not copied ones.
        A fee taken in the coin itself is gone on either side: less is bought, more is sold.
        """
        notes = []
        for fill in found:
            if (order.account, fill.trade_id) in self._known:
                continue
            self._known.add((order.account, fill.trade_id))
            self._new_fills.append(_fill_row(order, fill))
            missing = ZERO if is_own(order) else self._move(order, fill)
            if missing:
                notes.append(
                    f"trade {fill.trade_id} sold {missing} {order.symbol} more than copying is known to have bought"
                )
        return notes

    def save(self) -> None:
        """Write what was taken."""
        if self._new_fills:
            self._connection.execute(fills.insert(), self._new_fills)
        self._save_coins(self._moved - self._stored, is_new=True)
        self._save_coins(self._moved & self._stored, is_new=False)

    def _move(self, order: MarketOrder, fill: Fill) -> Decimal:
        place = (order.account, order.symbol)
        before = self._coins.get(place) or CopiedCoins(*place, ZERO, ZERO)
        self._coins[place], missing = _after(before, order, fill)
        self._moved.add(place)
        return missing

    def _known_fills(self, trade_ids: set[TradeId]) -> set[tuple[AccountId, TradeId]]:
        if not trade_ids:
            return set()
        rows = self._connection.execute(
            select(fills.c.account, fills.c.trade_id).where(fills.c.trade_id.in_(trade_ids))
        )
        return {(account, trade_id) for account, trade_id in rows}

    def _stored_coins(self, accounts: set[AccountId]) -> dict[_Place, CopiedCoins]:
        if not accounts:
            return {}
        coins = copied_coins.c
        rows = self._connection.execute(
            select(coins.account, coins.symbol, coins.quantity, coins.cost).where(coins.account.in_(accounts))
        )
        return {(row[0], row[1]): CopiedCoins(*row) for row in rows}

    def _save_coins(self, places: set[_Place], *, is_new: bool) -> None:
        if not places:
            return
        statement = (
            copied_coins.insert().values(account=bindparam("of_account"), symbol=bindparam("of_symbol"))
            if is_new
            else copied_coins.update().where(
                copied_coins.c.account == bindparam("of_account"), copied_coins.c.symbol == bindparam("of_symbol")
            )
        ).values(quantity=bindparam("new_quantity"), cost=bindparam("new_cost"))
        self._connection.execute(statement, [_coins_row(self._coins[place]) for place in sorted(places)])


def write_off(
    connection: Connection, account: AccountId, symbol: str, quantity: Decimal, reason: str, at: float
) -> Decimal:
    """Take coins off, with their share of the cost; returns how many there really were to take."""
    own = (copied_coins.c.account == account) & (copied_coins.c.symbol == symbol)
    row = connection.execute(
        select(copied_coins.c.quantity, copied_coins.c.cost).where(own).with_for_update()
    ).one_or_none()
    if row is None or row.quantity <= ZERO or quantity <= ZERO:
        return ZERO
    taken: Decimal = min(quantity, row.quantity)
    left = row.quantity - taken
    connection.execute(copied_coins.update().where(own).values(quantity=left, cost=row.cost * left / row.quantity))
    connection.execute(
        coin_adjustments.insert().values(account=account, symbol=symbol, quantity=taken, reason=reason, at=at)
    )
    return taken


def _after(coins: CopiedCoins, order: MarketOrder, fill: Fill) -> tuple[CopiedCoins, Decimal]:
    """The coins after a fill, and how much of it was not there.

    Fills become known in any order, after a restart a sale before its buy: the sum is right in every order.
    """
    fee = fill.fee if fill.fee_currency == split_symbol(order.symbol)[0] else ZERO
    before = max(coins.quantity, ZERO)
    if order.side is Side.BUY:
        bought = fill.quantity - fee
        after = coins.quantity + bought
        added = fill.cost * min(max(after, ZERO) / bought, ONE) if bought > ZERO else ZERO
        return CopiedCoins(coins.account, coins.symbol, after, coins.cost + added), ZERO
    after = coins.quantity - fill.quantity - fee
    cost = coins.cost * after / before if after > ZERO else ZERO
    return CopiedCoins(coins.account, coins.symbol, after, cost), max(fill.quantity + fee - before, ZERO)


def _coins_row(coins: CopiedCoins) -> dict[str, Any]:
    return {
        "of_account": coins.account,
        "of_symbol": coins.symbol,
        "new_quantity": coins.quantity,
        "new_cost": coins.cost,
    }


def _fill_row(order: MarketOrder, fill: Fill) -> dict[str, Any]:
    return {
        "account": order.account,
        "trade_id": fill.trade_id,
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "quantity": fill.quantity,
        "price": fill.price,
        "cost": fill.cost,
        "fee": fill.fee,
        "fee_currency": fill.fee_currency,
        "time": fill.time,
    }
