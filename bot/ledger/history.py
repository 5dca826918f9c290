"""What masters traded and what followers' copies came to, in the order in which it was recorded: to be replayed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, func, select

from bot.domain.enums import OrderState, Side, SizeType
from bot.domain.ids import AccountId, SignalId
from bot.ledger.coins import CoinAdjustment
from bot.ledger.reader import Reader
from bot.ledger.tables import accounts as known
from bot.ledger.tables import coin_adjustments, copied_coins, copies, order_events, signals


@dataclass(frozen=True, slots=True)
class SignalStep:
    """One signal. ``number`` counts in the order of recording, ``size`` is in the unit that ``size_type`` names."""

    number: int
    signal_id: SignalId
    master: AccountId
    symbol: str
    side: Side
    price: Decimal
    size: Decimal
    size_type: SizeType
    order_id: str
    master_balance: Decimal
    position_before: Decimal | None
    planned_at: float
    filled_before: Decimal

    @property
    def base_size(self) -> Decimal:
        """The size in base."""
        return self.size if self.size_type is SizeType.BASE else self.size / self.price


@dataclass(frozen=True, slots=True)
class CopyStep:
    """One leg of one account's copy of a signal: amounts in base, cost in quote, the balance in US dollars."""

    signal_id: SignalId
    account: AccountId
    leg: int
    symbol: str
    side: Side
    state: OrderState
    code: str
    note: str
    balance: Decimal
    quantity: Decimal
    executed: Decimal
    cost: Decimal
    fee: Decimal
    fee_currency: str
    settled_at: float | None


class HistoryMark(NamedTuple):
    """How far the ledger is written: the highest numbers of signals, of orders' events and of written-off coins."""

    signal: int = 0
    event: int = 0
    adjustment: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """One consistent look.

    Attributes:
        signals: by number.
        copies: those of the signals, by number, account and leg.
        adjustments: oldest first.
        coins: base that copying bought and that is still there, as of now.
        balances: US dollars, as accounts were last seen; those that were not reachable then are left out.
    """

    mark: HistoryMark
    signals: Sequence[SignalStep]
    copies: Sequence[CopyStep]
    adjustments: Sequence[CoinAdjustment]
    coins: dict[tuple[AccountId, str], Decimal]
    balances: dict[AccountId, Decimal]


_OF_SIGNAL = [signals.c[name] for name in SignalStep.__dataclass_fields__]
_OF_COPY = [copies.c[name] for name in CopyStep.__dataclass_fields__]
_OF_ADJUSTMENT = [coin_adjustments.c[name] for name in CoinAdjustment.__dataclass_fields__]


class HistoryQueries(Reader):
    """Every method raises ``LedgerUnavailable`` when the ledger cannot be read."""

    def history_mark(self) -> HistoryMark:
        """How far the ledger is written; cheap enough to ask often. Whatever changes a copy leaves an event."""
        with self._database.reading() as connection:
            return _mark(connection)

    def history(self, accounts: Collection[AccountId] | None = None, after: int = 0) -> History:
        """All signals behind a number, with the copies of some accounts, or of all.

        Args:
            after: only signals with a higher number. Written-off coins and coins are told of all times.
        """
        rows = (
            select(*_OF_COPY)
            .join(signals, signals.c.signal_id == copies.c.signal_id)
            .where(signals.c.number > after, *_of(copies.c.account, accounts))
            .order_by(signals.c.number, copies.c.account, copies.c.leg)
        )
        led = select(*_OF_SIGNAL).where(signals.c.number > after).order_by(signals.c.number)
        gone = (
            select(*_OF_ADJUSTMENT)
            .where(*_of(coin_adjustments.c.account, accounts))
            .order_by(coin_adjustments.c.at, coin_adjustments.c.id)
        )
        coins = copied_coins.c
        held = select(coins.account, coins.symbol, coins.quantity).where(*_of(coins.account, accounts))
        seen = select(known.c.account, known.c.balance).where(
            known.c.balance.is_not(None), *_of(known.c.account, accounts)
        )
        with self._database.reading() as connection:
            return History(
                mark=_mark(connection),
                signals=[SignalStep(*row) for row in connection.execute(led)],
                copies=[CopyStep(*row) for row in connection.execute(rows)],
                adjustments=[CoinAdjustment(*row) for row in connection.execute(gone)],
                coins={(account, symbol): quantity for account, symbol, quantity in connection.execute(held)},
                balances=dict(connection.execute(seen).all()),
            )

    def touched_since(self, mark: HistoryMark) -> dict[AccountId, int]:
        """Accounts of whose copies or coins something changed since, each with the lowest number of a signal that it
        was about; 0 for coins that were written off."""
        moved = (
            select(order_events.c.account, func.min(signals.c.number))
            .join(signals, signals.c.signal_id == order_events.c.signal_id)
            .where(order_events.c.id > mark.event)
            .group_by(order_events.c.account)
        )
        gone = select(coin_adjustments.c.account).where(coin_adjustments.c.id > mark.adjustment)
        with self._database.reading() as connection:
            touched = {account: int(number) for account, number in connection.execute(moved)}
            return touched | {account: touched.get(account, 0) for account in connection.scalars(gone)}

    def last_signals(self) -> list[SignalStep]:
        """The latest signal of each master and symbol, by number."""
        latest = select(func.max(signals.c.number)).group_by(signals.c.master, signals.c.symbol)
        found = select(*_OF_SIGNAL).where(signals.c.number.in_(latest)).order_by(signals.c.number)
        with self._database.reading() as connection:
            return [SignalStep(*row) for row in connection.execute(found)]


def _mark(connection: Connection) -> HistoryMark:
    highest = (func.max(column) for column in (signals.c.number, order_events.c.id, coin_adjustments.c.id))
    return HistoryMark(*(int(connection.scalar(select(one)) or 0) for one in highest))


def _of(column: Column[AccountId], accounts: Collection[AccountId] | None) -> list[ColumnElement[bool]]:
    return [] if accounts is None else [column.in_(accounts)]
