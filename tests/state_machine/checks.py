"""What must be true after every step, and once everything has come to rest: the venue's books against the ledger."""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.domain.enums import OrderState, Side
from bot.domain.ids import AccountId
from bot.domain.money import ZERO
from bot.domain.orders import Sized
from bot.domain.signals import PlannedCopy
from bot.domain.states import AT_THE_VENUE, MOVES, OPEN_STATES
from tests.state_machine.venue import INSTRUMENTS, Venue, VenueOrder

_TENTH = Decimal("0.10")
#: Prices slip between the plan and the fill; what was paid more is not known to the next plan at once.
_SLACK = Decimal("1.02")
#: How old a balance can be that was read while reads trailed, or before an earlier process's order landed, seconds.
_BALANCE_AGE_S = 75.0
_OPEN = ", ".join(f"'{state}'" for state in OPEN_STATES)
#: Why an exit may come to nothing.
_NOTHING_TO_SELL = ("nothing to sell", "below minimum", "below the minimum")
#: Lines of an order's history that only a fault of the program writes.
_FAULTS = ("refused:", "not written:", "no such order")

#: Signal, account, leg of a copy; of a master's order its name instead.
Place = tuple[str, ...]


class Problems(logging.Handler):
    """Keeps what the program itself calls a fault: errors of the ledger, and tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.name == "nija.ledger":
            self.found.append(self.format(record))


class Checks:
    """Follows the venue's orders and the ledger's rows, each new one once."""

    def __init__(self, venue: Venue, ledger_file: Path, problems: Problems) -> None:
        self._venue, self._file, self._problems = venue, ledger_file, problems
        self._events_seen = self._orders_seen = 0
        self._started_ns = venue.now_ns - int(_BALANCE_AGE_S * 1e9)
        self._places: dict[str, Place] = {}
        self._states: dict[Place, OrderState | None] = {}
        self._orders: dict[Place, list[VenueOrder]] = defaultdict(list)
        self._coins: Counter[tuple[AccountId, str]] = Counter()
        self._own: dict[tuple[AccountId, str], Decimal] = {}
        self._unpayable: list[str] = []

    def keep(self, account: AccountId, coin: str, amount: Decimal) -> None:
        """An account's own coins: they must stay."""
        self._own[account, coin] = amount

    def planned(self, copies: Sequence[PlannedCopy]) -> None:
        """The sizes of a plan, against the balances as they truly are at this moment."""
        for copy in copies:
            if copy.side is Side.BUY and isinstance(copy.decision, Sized):
                # What is on its way is counted as sized, and a sale may bring less.
                age_s = self._balance_age_s(copy.account)
                truly = self._venue.held_lately(copy.account, "USD", age_s)
                truly += self._open_sales(copy.account) + self._venue.sold_lately(copy.account, age_s)
                if copy.balance > truly * _SLACK or copy.decision.quote_value > copy.balance * _TENTH:
                    self._unpayable.append(f"{copy} with {truly} USD")

    def restarted(self) -> None:
        """A process begins again: its balances may be older than what an earlier one sent."""
        self._started_ns = self._venue.now_ns

    def _balance_age_s(self, account: AccountId) -> float:
        age_s = (self._venue.now_ns - self._started_ns) / 1e9
        return _BALANCE_AGE_S if account in self._venue.lag_s or age_s < _BALANCE_AGE_S else 0.0

    def _open_sales(self, account: AccountId) -> Decimal:
        rows = self._rows(
            f"SELECT quantity, price FROM copies WHERE account = ? AND side = 'sell' AND state IN ({_OPEN})",
            str(account),
        )
        return sum((Decimal(quantity) * Decimal(price) for quantity, price in rows), ZERO)

    # -- after every step ----------------------------------------------------------------------------------------

    def step(self) -> None:
        """Raises AssertionError at the first thing that is wrong."""
        assert not self._problems.found, "\n".join(self._problems.found)
        assert not self._unpayable, self._unpayable
        self._follow_states()
        self._follow_orders()
        for (account, coin), amount in self._own.items():
            assert self._venue.holds(account).get(coin, ZERO) >= amount, f"{account} lost {coin} of its own"

    def _follow_states(self) -> None:
        rows = self._rows(
            "SELECT id, client_order_id, signal_id, account, leg, from_state, to_state, detail FROM order_events"
            " WHERE id > ? ORDER BY id",
            self._events_seen,
        )
        for number, name, signal_id, account, leg, before, after, detail in rows:
            self._events_seen = number
            assert not detail.startswith(_FAULTS), f"{account} {name}: {detail}"
            place = self._places[name] = (signal_id, account, str(leg)) if signal_id else (name,)
            known = self._states.get(place)
            assert before == known, f"{account} {name} was {known}, not {before}: {detail}"
            if before is not None and before != after:
                assert OrderState(after) in MOVES[OrderState(before)], f"{account} {name}: {before} -> {after}"
            self._states[place] = OrderState(after)

    def _follow_orders(self) -> None:
        for order in self._venue.orders[self._orders_seen :]:
            assert order.name in self._places, f"no row names {order}"
            same = self._orders[self._places[order.name]]
            same.append(order)
            assert len(same) == 1, f"placed twice: {same}"
            self._coins[order.account, order.symbol] += order.coins_moved
            coins = self._coins[order.account, order.symbol]
            assert order.account.name == "master" or coins >= 0, f"{order} sold {-coins} more than copying had bought"
        self._orders_seen = len(self._venue.orders)

    # -- at rest -------------------------------------------------------------------------------------------------

    @property
    def open_rows(self) -> list[tuple[Any, ...]]:
        """Orders of which something is still to be done or found out."""
        return self._rows(
            f"SELECT client_order_id, account, state, reason FROM copies WHERE state IN ({_OPEN}) UNION ALL "
            f"SELECT client_order_id, account, state, reason FROM master_orders WHERE state IN ({_OPEN})"
        )

    def at_rest(self, users: Sequence[AccountId]) -> None:
        """Everything has been done: ledger and venue say the same."""
        self.step()
        assert not self.open_rows, self.open_rows
        self._every_signal_reached_everybody(users)
        self._orders_are_equal()
        self._coins_are_equal(users)

    def _every_signal_reached_everybody(self, users: Sequence[AccountId]) -> None:
        signals = self._rows("SELECT signal_id, order_id FROM signals WHERE master = 'master:kraken'")
        copied = {(row[0], row[1]) for row in self._rows("SELECT signal_id, account FROM copies WHERE leg = 1")}
        missing = {(signal_id, str(user)) for signal_id, _ in signals for user in users} - copied
        assert not missing, f"no row for {missing}"
        emitted = Counter(order_id for _, order_id in signals)
        placed = [order.order_id for order in self._venue.orders if order.account.name == "master"]
        assert all(emitted[order_id] == 1 for order_id in placed), f"{placed} became {emitted}"
        assert len(signals) == len(placed), f"signals of nothing: {emitted.keys() - set(placed)}"

    def _orders_are_equal(self) -> None:
        columns = "client_order_id, account, side, state, reason, order_id, executed, cost, fee"
        rows = self._rows(f"SELECT {columns} FROM copies UNION ALL SELECT {columns} FROM master_orders")
        stored = defaultdict(set)
        for name, *fill in self._rows("SELECT client_order_id, trade_id, quantity, cost, fee, fee_currency FROM fills"):
            stored[name].add((fill[0], *(Decimal(number) for number in fill[1:4]), fill[4]))
        by_name = {order.name: order for order in self._venue.orders}
        for name, account, side, state, reason, order_id, *amounts in rows:
            placed = self._orders.get(self._places[name], [])
            if OrderState(state) not in AT_THE_VENUE:
                assert not placed, f"{account} {name} is {state} ({reason}), and the venue has {placed}"
                assert reason, f"{account} {name} is {state} without a reason"
                told = side == Side.BUY or account == "master:kraken" or reason.startswith(_NOTHING_TO_SELL)
                assert told, f"the exit {name} of {account} is {state}: {reason}"
                continue
            assert len(placed) == 1, f"{account} {name} is {state}, and the venue has {placed}"
            order = by_name[name]
            assert order_id == order.order_id, f"{account} {name} is {order_id}, at the venue {order.order_id}"
            assert [Decimal(amount) for amount in amounts] == [order.executed, order.cost, order.fee], order
            booked = {(one.trade_id, one.quantity, one.cost, one.fee, one.fee_currency) for one in order.fills}
            assert stored[name] == booked, f"{account} {name}: {stored[name]}, at the venue {booked}"

    def _coins_are_equal(self, users: Sequence[AccountId]) -> None:
        gone: Counter[tuple[str, str]] = Counter()
        for account, symbol, quantity in self._rows("SELECT account, symbol, quantity FROM coin_adjustments"):
            gone[account, symbol] += Decimal(quantity)
        for user in users:
            for symbol in INSTRUMENTS:
                expected = self._coins[user, symbol] - gone[str(user), symbol]
                known = self.copied_coins(user, symbol)
                assert known == expected, f"{user} has {known} copied {symbol}, by the venue {expected}"

    def copied_coins(self, account: AccountId, symbol: str) -> Decimal:
        rows = self._rows("SELECT quantity FROM copied_coins WHERE account = ? AND symbol = ?", str(account), symbol)
        return Decimal(rows[0][0]) if rows else ZERO

    def sold_out(self, users: Sequence[AccountId], symbol: str) -> None:
        """The master has sold all of it."""
        instrument, price = INSTRUMENTS[symbol], self._venue.prices[symbol]
        for user in users:
            left = instrument.floor_size(self.copied_coins(user, symbol))
            # Two rests, each too small to be sold, may be enough together: they are kept for the next exit.
            dust = instrument.is_below_minimum(left / 2, price, Side.SELL)
            assert dust, f"{user} still has {left} copied {symbol} after the master sold all"

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._file)) as connection:
            return connection.execute(statement, values).fetchall()
