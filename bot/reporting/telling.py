"""What is announced, as far as a person wants to be told of it at once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.enums import OrderState, Side
from bot.domain.events import EventKind
from bot.domain.ids import AccountId, SignalId
from bot.domain.orders import MarketOrder
from bot.domain.ports import Clock
from bot.domain.signals import CopyTradeResult, TradeSignal
from bot.reporting.events import EventHub
from bot.reporting.listening import AnnouncementListener

#: Nanoseconds for which copies of one signal that go wrong are gathered into one event.
_GATHER_NS = 3 * 10**9
#: Nanoseconds for which it is remembered who was told of; the last copy of a signal may take minutes.
_REMEMBER_NS = 3600 * 10**9
#: Names and reasons in one event; a message is read on a telephone.
_NAMES, _REASONS = 6, 6

_WENT_WRONG = (OrderState.REJECTED, OrderState.FAILED)


@dataclass
class _Gathered:
    """What went wrong with the copies of one signal: accounts with their reasons."""

    symbol: str
    side: Side
    since_ns: int
    failed: dict[AccountId, str] = field(default_factory=dict)
    unclear: dict[AccountId, str] = field(default_factory=dict)
    told: set[tuple[AccountId, OrderState]] = field(default_factory=set)

    def note(self, result: CopyTradeResult) -> None:
        self.unclear.pop(result.account, None)
        kind = OrderState.UNKNOWN if result.state is OrderState.UNKNOWN else OrderState.FAILED
        if (result.account, kind) in self.told:
            return
        reason = result.reason or result.state.value.lower()
        if result.state is OrderState.UNKNOWN:
            self.unclear[result.account] = reason
        elif result.state in _WENT_WRONG:
            self.failed[result.account] = reason

    def take(self) -> tuple[dict[AccountId, str], dict[AccountId, str]]:
        failed, unclear = self.failed, self.unclear
        self.told |= {(account, OrderState.FAILED) for account in failed}
        self.told |= {(account, OrderState.UNKNOWN) for account in unclear}
        self.failed, self.unclear = {}, {}
        return failed, unclear


class EventTeller(AnnouncementListener):
    """Makes operator events of announcements. Copies of one signal that go wrong together are one event.

    :meth:`look` has to be called every second or so: it tells what no summary came for.
    """

    def __init__(self, events: EventHub, clock: Clock) -> None:
        self._events = events
        self._clock = clock
        self._lock = threading.Lock()
        self._gathered: dict[SignalId, _Gathered] = {}
        self._blind: set[AccountId] = set()

    def copy_ended(self, result: CopyTradeResult) -> None:
        """A user's order was answered."""
        with self._lock:
            known = self._gathered.get(result.signal_id)
            if known is None and result.state is not OrderState.UNKNOWN and result.state not in _WENT_WRONG:
                return
            self._of(result.signal_id, result.symbol, result.side).note(result)

    def summary(self, signal: TradeSignal, results: Sequence[CopyTradeResult]) -> None:
        """What became of a signal."""
        with self._lock:
            gathered = self._of(signal.signal_id, signal.symbol, signal.side)
            for result in results:
                gathered.note(result)
            failed, unclear = gathered.take()
            if not gathered.told:
                del self._gathered[signal.signal_id]
        self._tell(gathered, failed, unclear, len(results))

    def look(self) -> None:
        """Tell what was gathered for long enough, and forget what is old."""
        now_ns, ripe = self._clock.monotonic_ns(), []
        with self._lock:
            for signal_id, gathered in list(self._gathered.items()):
                if now_ns - gathered.since_ns >= _GATHER_NS:
                    ripe.append((gathered, *gathered.take()))
                if now_ns - gathered.since_ns >= _REMEMBER_NS:
                    del self._gathered[signal_id]
        for gathered, failed, unclear in ripe:
            self._tell(gathered, failed, unclear, None)

    def not_emitted(self, order: MarketOrder, reason: str) -> None:
        """The master traded, and nobody will follow."""
        text = f"{order.account.label} traded {order.side.upper()} {order.symbol} and NOBODY follows: {reason}"
        mend = "To bring users in step: python bot.py resync"
        self._events.tell(EventKind.COPY_FAILED, text, account=order.account, serious=True, detail=mend)

    def signal_refused(self, signal: TradeSignal, reason: str) -> None:
        """A signal did not get through, or not yet."""
        text = f"{signal.side.upper()} {signal.symbol} of {signal.master_account} is not copied yet: {reason}"
        self._events.tell(EventKind.COPY_FAILED, text, account=signal.master_account, serious=True)

    def plan_not_committed(self, signal: TradeSignal, reason: str) -> None:
        """The ledger did not take a plan: nothing is sent."""
        text = f"{signal.side.upper()} {signal.symbol} is NOT copied yet, the ledger did not take the plan: {reason}"
        self._events.tell(EventKind.LEDGER_FAILED, text, serious=True)

    def recovered(self, orders: int, complete: bool) -> None:
        """What an earlier run left is known, or is still asked for while copying begins."""
        if not complete:
            text = f"Of {orders} orders of an earlier run some are still in doubt; entries of their accounts wait"
            self._events.tell(EventKind.UNKNOWN_OUTCOME, text, serious=True)

    def watch_blind(self, account: AccountId, seconds: float, reason: str) -> None:
        """Neither socket nor questions tell what a master trades."""
        self._blind.add(account)
        text = f"{account} is not watched for {seconds:.0f} s: {reason}"
        detail = "What it trades by hand meanwhile is copied when it is known."
        self._events.tell(EventKind.NOT_WATCHED, text, account=account, serious=True, detail=detail)

    def watching(self, account: AccountId, by: str) -> None:
        """What is traded by hand on a master account is heard of, and how."""
        if account in self._blind:
            self._blind.discard(account)
            self._events.tell(EventKind.NOT_WATCHED, f"{account} is watched again, {by}", account=account)

    def _of(self, signal_id: SignalId, symbol: str, side: Side) -> _Gathered:
        now_ns = self._clock.monotonic_ns()
        return self._gathered.setdefault(signal_id, _Gathered(symbol, side, now_ns))

    def _tell(
        self, signal: _Gathered, failed: Mapping[AccountId, str], unclear: Mapping[AccountId, str], total: int | None
    ) -> None:
        trade, of = f"{signal.side.upper()} {signal.symbol}", "" if total is None else f" of {total}"
        if failed:
            what = "copy" if len(failed) == 1 and total in (None, 1) else "copies"
            self._events.tell(
                EventKind.COPY_FAILED,
                f"{trade}: {len(failed)}{of} {what} failed: {_names(failed)}",
                account=_only(failed),
                detail=_reasons(failed),
            )
        if unclear:
            self._events.tell(
                EventKind.UNKNOWN_OUTCOME,
                f"{trade}: not known whether it was placed for {_names(unclear)}",
                account=_only(unclear),
                serious=True,
                detail=f"{_reasons(unclear)}\nThe venue is asked until it is known: do not repeat it by hand.",
            )


def _only(accounts: Mapping[AccountId, str]) -> AccountId | None:
    return next(iter(accounts)) if len(accounts) == 1 else None


def _names(accounts: Iterable[AccountId]) -> str:
    names = sorted(map(str, accounts))
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")


def _reasons(accounts: Mapping[AccountId, str]) -> str:
    """A line a reason, those that struck most accounts first."""
    by_reason: dict[str, list[AccountId]] = {}
    for account, reason in accounts.items():
        by_reason.setdefault(reason, []).append(account)
    if len(by_reason) == 1:
        return next(iter(by_reason))
    lines = sorted(by_reason.items(), key=lambda one: (-len(one[1]), one[0]))
    shown = [f"{_names(struck)}: {reason}" for reason, struck in lines[:_REASONS]]
    return "\n".join(shown + (["..."] if len(lines) > _REASONS else []))
