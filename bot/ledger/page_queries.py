"""What the page shows of signals, copies and balances, counted and put in order by the database.

Ratios, medians and milliseconds are statistics and so floats; money and sizes never pass through them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Double, Subquery, Text, and_, case, cast, func, or_, select

from bot.domain.enums import OrderState, Side
from bot.domain.ids import AccountId, SignalId
from bot.domain.states import AT_THE_VENUE, MOVED_ASIDE, OPEN_STATES
from bot.ledger.history import HistoryMark
from bot.ledger.reader import Reader
from bot.ledger.rows import BalanceRow, CopyRow, SignalRow
from bot.ledger.switches import Switch, read_switches
from bot.ledger.tables import balance_history, copies, order_events, signals

#: Signals in one question at most: databases take only so many parameters.
_SIGNALS_AT_ONCE = 500
_BASIS_POINTS = 10_000
#: Rows of the balance history in a day.
_PERIODS_A_DAY = 96
_DAY_S = 86_400.0
_FILLED = (OrderState.FILLED, OrderState.PARTIALLY_FILLED)
_FAILED = (OrderState.REJECTED, OrderState.FAILED)


@dataclass(frozen=True, slots=True)
class CopyCounts:
    """Copies, each counted once.

    Attributes:
        copied: the venue has them.
        open: something is still to be done; not those of which nobody knows what became of them, which are ``unclear``.
        last_ms: milliseconds until the last one was answered; None when none was.
    """

    copied: int = 0
    skipped: int = 0
    failed: int = 0
    open: int = 0
    unclear: int = 0
    last_ms: float | None = None


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """How long the copies of one signal took, milliseconds; ``at`` unix seconds."""

    signal_id: SignalId
    at: float
    symbol: str
    copies: int
    first_ms: float
    median_ms: float
    last_ms: float


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """How long copies took, milliseconds; None where there was none."""

    signals: int
    copies: int
    median_ms: float | None
    p95_ms: float | None
    max_ms: float | None


@dataclass(frozen=True, slots=True)
class FidelityRow:
    """How close one account came to its master.

    Attributes:
        signals: those in which it had a share.
        skipped: by the short form of the reason.
        size_ratio: median of what was executed over what was planned.
        slippage_bps: median against the master's price, basis points; worse than the master is positive.
        milliseconds: median.
    """

    account: AccountId
    signals: int
    copied: int
    skipped: dict[str, int]
    failed: int
    open: int
    size_ratio: float | None = None
    slippage_bps: float | None = None
    milliseconds: float | None = None


class PageQueries(Reader):
    """Every method raises ``LedgerUnavailable`` when the ledger cannot be read."""

    def switches(self) -> dict[str, Switch]:
        """Every switch that is set, by its name."""
        with self._database.reading() as connection:
            return read_switches(connection)

    def signals_before(self, limit: int, before: float | None = None) -> list[SignalRow]:
        """Signals, newest first; those planned before a moment (unix seconds) where one is given."""
        wanted = [] if before is None else [signals.c.planned_at < before]
        return self._newest(SignalRow, signals, "planned_at", limit, *wanted)

    def signals_touched(self, since: HistoryMark, limit: int) -> list[SignalRow]:
        """Signals that are new since then or of whose copies something moved; the newest ones, oldest first."""
        moved = select(order_events.c.signal_id).where(
            order_events.c.id > since.event, order_events.c.signal_id.is_not(None)
        )
        touched = or_(signals.c.number > since.signal, signals.c.signal_id.in_(moved))
        return self._newest(SignalRow, signals, "planned_at", limit, touched)[::-1]

    def copies_before(self, limit: int, user: str | None = None, state: OrderState | None = None) -> list[CopyRow]:
        """The latest copies, newest first, of one user id or in one state when asked for."""
        wanted: list[ColumnElement[bool]] = [] if user is None else [copies.c.user_id == user]
        if state is not None:
            # SQLite would take the index of states, and then sort all copies there are in a common one.
            plain_state = copies.c.state if state in OPEN_STATES else cast(copies.c.state, Text)
            wanted.append(plain_state == state.value)
        return self._newest(CopyRow, copies, "planned_at", limit, *wanted)

    def copy_counts(self, signal_ids: Collection[SignalId]) -> dict[SignalId, CopyCounts]:
        """What became of the copies of some signals."""
        counts = {signal_id: CopyCounts() for signal_id in signal_ids}
        columns = (copies.c.signal_id, copies.c.state, func.count(), func.max(copies.c.milliseconds))
        listed = list(counts)
        with self._database.reading() as connection:
            for begin in range(0, len(listed), _SIGNALS_AT_ONCE):
                named = copies.c.signal_id.in_(listed[begin : begin + _SIGNALS_AT_ONCE])
                grouped = select(*columns).where(named).group_by(copies.c.signal_id, copies.c.state)
                for signal_id, state, count, last_ms in connection.execute(grouped):
                    counts[signal_id] = _added(counts[signal_id], state, int(count), last_ms)
        return counts

    def latency(self, since: float, limit: int) -> tuple[list[LatencyRow], LatencySummary]:
        """How long the first order of each copy took, since then (unix seconds): the newest signals, oldest first."""
        copied = and_(copies.c.planned_at >= since, copies.c.milliseconds.is_not(None), copies.c.leg == 1)
        ranked = _ranked(copies.c.milliseconds, copied, [copies.c.signal_id])
        value = ranked.c.value
        by_signal = (
            select(ranked.c.signal_id, func.count(), func.min(value), _middle(ranked), func.max(value))
            .group_by(ranked.c.signal_id)
            .subquery()
        )
        number, first, median, last = list(by_signal.c)[1:]
        points = (
            select(signals.c.signal_id, signals.c.planned_at, signals.c.symbol, number, first, median, last)
            .join(by_signal, by_signal.c.signal_id == signals.c.signal_id)
            .order_by(signals.c.planned_at.desc())
            .limit(limit)
        )
        over_all = _ranked(copies.c.milliseconds, copied, [], copies.c.signal_id)
        ninety_fifth = over_all.c.rank == (over_all.c.number * 95 + 99) // 100
        summary = select(
            func.count(over_all.c.signal_id.distinct()),
            func.count(),
            _middle(over_all),
            func.max(case((ninety_fifth, over_all.c.value))),
            func.max(over_all.c.value),
        )
        with self._database.reading() as connection:
            rows = [LatencyRow(*row) for row in connection.execute(points)]
            return rows[::-1], LatencySummary(*connection.execute(summary).one())

    def balances(self, since: float, now: float, points: int, account: AccountId | None = None) -> list[BalanceRow]:
        """How accounts looked since then (unix seconds), oldest first, at about so many moments for each."""
        history = balance_history.c
        step = max(1, math.ceil((now - since) / _DAY_S * _PERIODS_A_DAY / points))
        wanted = [history.at >= since] + ([] if account is None else [history.account == account])
        kept = (
            select(history.account, func.max(history.period).label("period"))
            .where(*wanted)
            .group_by(history.account, history.period // step)
            .subquery()
        )
        last = and_(kept.c.account == history.account, kept.c.period == history.period)
        columns = [history[column.name] for column in fields(BalanceRow)]
        found = select(*columns).join(kept, last).order_by(history.at, history.account)
        with self._database.reading() as connection:
            return [BalanceRow(*row) for row in connection.execute(found)]

    def fidelity(self, since: float) -> list[FidelityRow]:
        """How close each account came to its master since then (unix seconds), by account."""
        recent = copies.c.planned_at >= since
        filled = and_(recent, copies.c.state.in_(_FILLED))
        grouped = (
            select(copies.c.account, copies.c.state, copies.c.code, func.count())
            .where(recent)
            .group_by(copies.c.account, copies.c.state, copies.c.code)
        )
        shares = (
            select(copies.c.account, func.count(copies.c.signal_id.distinct()))
            .where(recent)
            .group_by(copies.c.account)
            .order_by(copies.c.account)
        )
        with self._database.reading() as connection:
            found = {
                account: FidelityRow(account, int(number), 0, {}, 0, 0)
                for account, number in connection.execute(shares)
            }
            for account, state, code, count in connection.execute(grouped):
                found[account] = _with_copies(found[account], state, code, int(count))
            ratios = _medians(connection, _over(copies.c.executed, copies.c.quantity), filled)
            slips = _medians(connection, _slippage(), filled)
            times = _medians(connection, copies.c.milliseconds, and_(recent, copies.c.leg == 1))
        return [
            replace(row, size_ratio=ratios.get(name), slippage_bps=slips.get(name), milliseconds=times.get(name))
            for name, row in found.items()
        ]


def _added(counts: CopyCounts, state: OrderState, count: int, last_ms: float | None) -> CopyCounts:
    times = [time for time in (counts.last_ms, last_ms) if time is not None]
    bucket = _bucket_of(state)
    more = {bucket: getattr(counts, bucket) + count}
    return replace(counts, last_ms=max(times, default=None), **more)


def _bucket_of(state: OrderState) -> str:
    if state in AT_THE_VENUE:
        return "copied"
    if state in MOVED_ASIDE:
        return "skipped"
    if state in _FAILED:
        return "failed"
    return "unclear" if state is OrderState.UNKNOWN else "open"


def _with_copies(row: FidelityRow, state: OrderState, code: str, count: int) -> FidelityRow:
    bucket = _bucket_of(state)
    if bucket == "skipped":
        name = code or state.value.lower()
        return replace(row, skipped=row.skipped | {name: row.skipped.get(name, 0) + count})
    if bucket == "unclear":
        bucket = "open"
    more = {bucket: getattr(row, bucket) + count}
    return replace(row, **more)


def _over(upper: ColumnElement[Any], lower: ColumnElement[Any]) -> ColumnElement[Any]:
    # Nothing when the lower one is zero: then there is no ratio.
    return cast(upper, Double) / func.nullif(cast(lower, Double), 0.0)


def _slippage() -> ColumnElement[Any]:
    price = func.nullif(cast(copies.c.average_price, Double), 0.0)
    drift = (price / func.nullif(cast(copies.c.price, Double), 0.0) - 1.0) * float(_BASIS_POINTS)
    return case((copies.c.side == Side.BUY, drift), else_=-drift)


def _medians(connection: Connection, value: ColumnElement[Any], wanted: ColumnElement[bool]) -> dict[AccountId, float]:
    ranked = _ranked(value, and_(wanted, value.is_not(None)), [copies.c.account])
    by_account = select(ranked.c.account, _middle(ranked)).group_by(ranked.c.account)
    return {account: float(median) for account, median in connection.execute(by_account) if median is not None}


def _ranked(
    value: ColumnElement[Any],
    wanted: ColumnElement[bool],
    groups: Iterable[ColumnElement[Any]],
    *besides: ColumnElement[Any],
) -> Subquery:
    """Copies with a value, its place among those of its group (``rank``, from 1) and how many they are (``number``)."""
    listed = list(groups)
    rank = func.row_number().over(partition_by=listed or None, order_by=value).label("rank")
    number = func.count().over(partition_by=listed or None).label("number")
    return select(*listed, *besides, value.label("value"), rank, number).where(wanted).subquery()


def _middle(ranked: Subquery) -> ColumnElement[Any]:
    """The median of a group: the mean of the one or two in the middle."""
    rank, number = ranked.c.rank, ranked.c.number
    middle = rank.between((number + 1) // 2, (number + 2) // 2)
    return func.avg(case((middle, ranked.c.value)))
