"""The daily summary: once a day, also across restarts, and later where the bot was down at its minute."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from bot.domain.enums import OrderState
from bot.domain.errors import LedgerUnavailable
from bot.domain.events import EventKind
from bot.domain.ids import AccountId
from bot.domain.ports import Clock
from bot.domain.states import AT_THE_VENUE, MOVED_ASIDE
from bot.ledger.rows import BalanceRow, CopyRow, SignalRow
from bot.reporting.events import EventHub
from bot.reporting.live import SystemState
from bot.reporting.notify.summary import DayNumbers, EquityChange, headline_of, lines_of

_log = logging.getLogger("nija.notices")

_FILE = "daily_summary.json"
_DAY_S = 86_400.0
#: A summary tells of no more than this, however long the bot was down, seconds.
_LONGEST_S = 2 * _DAY_S
#: Rows that are asked for at first, and at most; each further time it is four times as many.
_ROWS, _MOST_ROWS = 500, 32_000

_Row = TypeVar("_Row", SignalRow, CopyRow)
_WENT_WRONG = (OrderState.REJECTED, OrderState.FAILED)


class DayQueries(Protocol):
    """What a day is made of: :class:`bot.ledger.views.Views`."""

    def recent_signals(self, limit: int = 20) -> list[SignalRow]:
        """The latest, newest first."""

    def recent_copies(self, limit: int = 20) -> list[CopyRow]:
        """The latest, newest first."""

    def balance_history(self, since: float, account: AccountId | None = None) -> list[BalanceRow]:
        """How accounts looked since then, oldest first."""


class DailySummary:
    """Knows when the next one is due, and makes it.

    Args:
        at: ``HH:MM``, UTC.
        folder: where the time of the last one is kept.
        views: of the ledger.
        clock: whose time of day counts.
    """

    def __init__(self, at: str, folder: Path, views: DayQueries, clock: Clock) -> None:
        self._hour, self._minute = (int(part) for part in at.split(":"))
        self._file = folder / _FILE
        self._views = views
        self._clock = clock
        self._last: float | None = None
        self._restarts: Counter[str] = Counter()

    def tell_if_due(self, events: EventHub, state: SystemState, lost: Sequence[str], drift: Sequence[str]) -> None:
        """Tell the summary where its time has come since the last one; the very first one counts from now on."""
        now = self._clock.time()
        if self._last is None or self._last > now + _DAY_S:
            # The latter: the clock was ahead when it was told last.
            self._last = self._read(now)
        if self._last >= self._latest_due(now):
            return
        since, restarts = max(self._last, now - _LONGEST_S), Counter(state.restarts)
        # Kept before it is told: twice is worse than not at all, and only a crash between the two makes it so.
        self._keep(now)
        try:
            day = _day(self._views, since, state, lost, drift, dict(restarts - self._restarts))
        except LedgerUnavailable as error:
            text, lines = f"The day is not known, the ledger cannot be read: {error}", list[str]()
        else:
            text, lines = headline_of(day), lines_of(day)
        self._restarts = restarts
        events.tell(EventKind.DAILY_SUMMARY, text, detail="\n".join(lines))

    def _latest_due(self, now: float) -> float:
        moment = datetime.fromtimestamp(now, UTC)
        due = moment.replace(hour=self._hour, minute=self._minute, second=0, microsecond=0)
        return (due if due <= moment else due - timedelta(days=1)).timestamp()

    def _read(self, now: float) -> float:
        try:
            last = float(json.loads(self._file.read_text(encoding="utf-8"))["last"])
        except FileNotFoundError:
            self._keep(now)
            return now
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("%s cannot be read, the day begins anew: %s", self._file, error)
            self._keep(now)
            return now
        # A clock that was wrong and is set right must not silence it for years.
        return last if last <= now + _DAY_S else now

    def _keep(self, now: float) -> None:
        self._last = now
        beside = self._file.with_suffix(".tmp")
        try:
            beside.write_text(json.dumps({"last": now}), encoding="utf-8")
            beside.replace(self._file)
        except OSError as error:
            _log.warning("%s cannot be written, a restart may repeat the daily summary: %s", self._file, error)


def _day(
    views: DayQueries,
    since: float,
    state: SystemState,
    lost: Sequence[str],
    drift: Sequence[str],
    restarts: dict[str, int],
) -> DayNumbers:
    signals = _since(views.recent_signals, since)
    copies = _since(views.recent_copies, since)
    states = Counter(copy.state for copy in copies)
    skipped = Counter(copy.code or copy.state.value.lower() for copy in copies if copy.state in MOVED_ASIDE)
    copied = sum(states[one] for one in AT_THE_VENUE)
    failed = sum(states[one] for one in _WENT_WRONG)
    unclear = states[OrderState.UNKNOWN]
    return DayNumbers(
        since=since,
        signals=len(signals),
        copied=copied,
        skipped=skipped,
        failed=failed,
        unclear=unclear,
        waiting=len(copies) - copied - failed - unclear - sum(skipped.values()),
        milliseconds=[copy.milliseconds for copy in copies if copy.milliseconds is not None],
        equity=_equity(views.balance_history(since), state),
        drift=drift,
        restarts=restarts,
        stopped=state.stopped,
        observing=state.engine.observing,
        lost=lost,
        counted=_MOST_ROWS if len(copies) == _MOST_ROWS else None,
    )


def _since(recent: Callable[[int], list[_Row]], since: float) -> list[_Row]:
    limit = _ROWS
    while True:
        rows = recent(limit)
        if len(rows) < limit or rows[-1].planned_at < since or limit >= _MOST_ROWS:
            return [row for row in rows if row.planned_at >= since]
        limit *= 4


def _equity(history: Sequence[BalanceRow], state: SystemState) -> list[EquityChange]:
    before: dict[AccountId, BalanceRow] = {}
    for row in history:
        if row.equity is not None:
            before.setdefault(row.account, row)
    changes = []
    for account in state.accounts:
        first = before.get(account.account)
        if first is not None and first.equity is not None and account.equity is not None:
            changes.append(EquityChange(str(account.account), first.equity, account.equity))
    return changes
