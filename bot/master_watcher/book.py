"""What a master had before one of its trades by hand: they are heard of only when they are done. Computes only.

Two things are known: balances, each as the venue gave it at some moment, and executions. Balances may trail an
execution, or hold it before it is heard of. Which executions some balances hold is told by their coins: balances show
the first few of what traded since the balances before them, and the count that explains them best is the one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice, takewhile

from bot.domain.enums import Side
from bot.domain.executions import Execution
from bot.domain.ids import VenueOrderId
from bot.domain.instruments import split_symbol
from bot.domain.money import DOLLARS, ZERO
from bot.domain.orders import AccountBalances

#: Executions that are looked back on.
_KEPT = 1000
#: Two clocks, and the way of an answer, may be apart by this much, seconds.
_SKEW_S = 2.0
#: Balances of a later moment than this after an execution hold it, whatever they seem to show: deposits look odd too.
_SURELY_SHOWN_S = 60.0

_Amounts = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Before:
    """What an account had before a trade: dollars of all kinds, bound in orders or not, and coins of its base."""

    dollars: Decimal
    position: Decimal


@dataclass(frozen=True, slots=True)
class _Entry:
    execution: Execution
    changes: _Amounts


class BalanceBook:
    """The balances of one master, rolled forwards and back over what traded.

    A limit order binds its money before it trades: what is bound counts as there.
    """

    def __init__(self) -> None:
        self._base: dict[str, Decimal] | None = None
        self._base_at = self._base_heard_at = 0.0
        self._earlier: dict[str, Decimal] | None = None
        self._earlier_at = 0.0
        # By their time: what the base holds, of that what the balances before it did not, and what it does not hold.
        self._shown: deque[_Entry] = deque(maxlen=_KEPT)
        self._between: list[_Entry] = []
        self._open: list[_Entry] = []

    def show(self, balances: AccountBalances, heard_at: float) -> None:
        """Balances as the venue gave them.

        Args:
            heard_at: unix seconds of the answer; they were asked for at ``balances.at``.
        """
        amounts = _totals(balances)
        if self._base is None:
            count = sum(entry.execution.time <= balances.at for entry in self._open)
        else:
            surely = sum(entry.execution.time < balances.at - _SURELY_SHOWN_S for entry in self._open)
            count = max(surely, _best_count(self._base, self._open, amounts))
        self._earlier, self._earlier_at = self._base, self._base_at
        self._base, self._base_at, self._base_heard_at = amounts, balances.at, heard_at
        self._between = self._open[:count]
        self._shown.extend(self._between)
        del self._open[:count]

    def add(self, execution: Execution) -> None:
        """An execution that was heard of for the first time."""
        entry = _Entry(execution, _changes(execution))
        if self._base is not None and self._is_shown(entry):
            self._between.append(entry)
            self._shown = deque(sorted([*self._shown, entry], key=_time_of), _KEPT)
        else:
            self._open.append(entry)
            self._open.sort(key=_time_of)

    def before(self, order_id: VenueOrderId, filled_before: Decimal, symbol: str) -> Before:
        """What the account had before an order went on from ``filled_before`` (base); that was added.

        Raises:
            LookupError: no balances were shown yet.
        """
        if self._base is None:
            raise LookupError("the balances are not known yet")

        def is_it(entry: _Entry) -> bool:
            return entry.execution.order_id == order_id and entry.execution.executed > filled_before

        totals = dict(self._base)
        first = next((at for at, entry in enumerate(self._shown) if is_it(entry)), None)
        if first is not None:
            for entry in islice(self._shown, first, None):
                _add(totals, entry.changes, -1)
        else:
            for entry in takewhile(lambda one: not is_it(one), self._open):
                _add(totals, entry.changes, 1)
        dollars = sum((totals.get(code, ZERO) for code in DOLLARS), ZERO)
        return Before(dollars, totals.get(split_symbol(symbol)[0], ZERO))

    def _is_shown(self, entry: _Entry) -> bool:
        assert self._base is not None
        time = entry.execution.time
        if time > self._base_heard_at + _SKEW_S:
            return False
        if self._earlier is None or time <= self._earlier_at or time < self._base_at - _SURELY_SHOWN_S:
            return time <= self._base_at
        # The balances before these tell whether something moved that nothing else explains.
        explained = dict(self._earlier)
        for one in self._between:
            _add(explained, one.changes, 1)
        return _best_count(explained, [entry], self._base) == 1


def _time_of(entry: _Entry) -> float:
    return entry.execution.time


def _totals(balances: AccountBalances) -> dict[str, Decimal]:
    codes = {*balances.available, *balances.held}
    return {code: balances.available.get(code, ZERO) + balances.held.get(code, ZERO) for code in codes}


def _changes(execution: Execution) -> dict[str, Decimal]:
    base, quote = split_symbol(execution.symbol)
    sign = 1 if execution.side is Side.BUY else -1
    changes = {base: sign * execution.quantity, quote: -sign * execution.cost}
    if execution.fee_currency:
        changes[execution.fee_currency] = changes.get(execution.fee_currency, ZERO) - execution.fee
    return changes


def _best_count(before: _Amounts, entries: Sequence[_Entry], after: _Amounts) -> int:
    """How many of the entries, the first ones, explain best what became of the balances."""
    moved: dict[str, Decimal] = {}
    for entry in entries:
        for code, change in entry.changes.items():
            moved[code] = moved.get(code, ZERO) + abs(change)
    expected = dict(before)
    errors = [_error(expected, after, moved)]
    for entry in entries:
        _add(expected, entry.changes, 1)
        errors.append(_error(expected, after, moved))
    # Of equally good ones the latest: what is not told any more is shown.
    return max(range(len(errors)), key=lambda count: (-errors[count], count))


def _error(expected: _Amounts, seen: _Amounts, moved: _Amounts) -> Decimal:
    # Each currency by how much of it moved: a coin's digits and a dollar's weigh the same.
    return sum(
        (abs(seen.get(code, ZERO) - expected.get(code, ZERO)) / amount for code, amount in moved.items() if amount),
        ZERO,
    )


def _add(totals: dict[str, Decimal], changes: _Amounts, sign: int) -> None:
    for code, change in changes.items():
        totals[code] = totals.get(code, ZERO) + sign * change
