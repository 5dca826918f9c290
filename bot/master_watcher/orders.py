"""The orders that a master places by hand, as they come to be known, and the signals that they become."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from bot.domain.enums import Side, SizeType
from bot.domain.executions import Execution
from bot.domain.ids import AccountId, ClientOrderId, VenueOrderId, is_own_name, signal_id_of
from bot.domain.money import ZERO, plain, shown
from bot.domain.orders import AccountBalances
from bot.domain.ports import Clock
from bot.domain.signals import TradeSignal
from bot.master_watcher.book import BalanceBook, Before
from bot.master_watcher.tally import OrderTally, Part

_log = logging.getLogger("nija.watcher")

#: Why a part of an order is not copied.
BEFORE_THE_WATCH = "traded before the master was watched"
#: An order that trades in several fills tells them within moments: its first signal has them all.
_LINGER_NS = 10_000_000
#: What trades of one order after its first signal comes together for this long, for twice as long with each further
#: one, up to the longest; what completes it waits for nothing. An order that fills for minutes must not make orders of
#: every follower faster than its venue lets their fills be asked for.
_GATHER_NS, _LONGEST_GATHER_NS = 1_000_000_000, 8_000_000_000
#: After this long a signal that the ledger does not have was lost on its way, and is made again.
_LOST_AFTER_NS = 30 * 10**9
#: Questions that do not close a gap until it is believed that it will not be closed, and how long they take at least.
_GAP_QUESTIONS = 3
_GAP_AFTER_NS = 10 * 10**9
#: Orders that are remembered; those that are done with and recorded go first.
_REMEMBERED = 2000


class SignalRecord(Protocol):
    """What the ledger tells of signals of a master, and of its orders."""

    def own_orders(self, account: AccountId, names: Collection[ClientOrderId]) -> set[ClientOrderId]:
        """Of these client order ids those that the bot placed. Raises LedgerUnavailable."""

    def covered(self, account: AccountId, order_ids: Collection[VenueOrderId]) -> Mapping[VenueOrderId, Decimal]:
        """Base of each order that signals cover or that none will. Raises LedgerUnavailable."""

    def balance_before(self, account: AccountId, order_id: VenueOrderId) -> Decimal | None:
        """The master's balance before an order, as its first signal has it. Raises LedgerUnavailable."""

    def leave_uncopied(self, account: AccountId, order_id: VenueOrderId, up_to: Decimal, reason: str) -> None:
        """Commit that what an order traded up to there (base), and no signal covers, is not copied, and why."""


@dataclass(slots=True)
class _Order:
    """One order and where it is on its way to its signals; nanoseconds are monotonic."""

    tally: OrderTally
    by_hand: bool
    due_ns: int | None = None
    received_ns: int = 0
    emitted_ns: int = 0
    gather_ns: int = 0
    confirmed: bool = True
    uncopied: str = ""
    balance_before: Decimal | None = None
    gap: tuple[Decimal, Decimal] | None = None
    gap_since_ns: int = 0
    gap_questions: int = 0


@dataclass(slots=True)
class OrdersByHand:
    """Everything that is known of one master's orders. Not for several threads at once.

    Args:
        account: the master.
        record: the ledger.
        clock: where time comes from.
        max_signal_age_s: entries older than this are signals of their own, which expire.
        since: unix seconds; what traded before is nobody's business.
        is_first_watch: nothing was watched before ``since``.
    """

    account: AccountId
    record: SignalRecord
    clock: Clock
    max_signal_age_s: float
    since: float
    is_first_watch: bool
    _book: BalanceBook = field(default_factory=BalanceBook)
    _orders: dict[VenueOrderId, _Order] = field(default_factory=dict)

    def show(self, balances: AccountBalances, heard_at: float) -> None:
        """Balances as the venue gave them; the answer came at ``heard_at``, unix seconds."""
        self._book.show(balances, heard_at)

    def hear(self, executions: Sequence[Execution], received_ns: int, *, listed: bool) -> None:
        """Take in what traded.

        Args:
            received_ns: monotonic, when it was heard.
            listed: it is the answer to a question: what comes with it comes at once.

        Raises:
            LedgerUnavailable: nothing was taken in of orders that were not known before.
        """
        self._meet([one for one in executions if one.order_id not in self._orders])
        for execution in executions:
            order = self._orders[execution.order_id]
            is_news = self._let_be(order, execution) if execution.time < self.since else order.tally.hear(execution)
            if is_news:
                self._note(order, received_ns, listed=listed)
        self._forget()

    @property
    def next_due_ns(self) -> int | None:
        """Monotonic nanoseconds of the next signal; None when none is due."""
        return min((order.due_ns for order in self._by_hand() if order.due_ns is not None), default=None)

    @property
    def has_gap(self) -> bool:
        """Whether something was missed that a question may tell."""
        return any(order.gap is not None for order in self._orders.values())

    @property
    def all_recorded(self) -> bool:
        """Whether the ledger has all that is known here."""
        return not self.has_gap and all(order.confirmed and order.due_ns is None for order in self._by_hand())

    def due(self) -> list[Part]:
        """The parts that are to become signals now, those of the oldest order first."""
        now_ns = self.clock.monotonic_ns()
        found = [
            order.tally.parts(self._stale_before(order))
            for order in self._by_hand()
            if order.due_ns is not None and order.due_ns <= now_ns
        ]
        # Those of one order stay one behind the other, whatever their times are.
        return [part for parts in sorted(filter(None, found), key=lambda parts: parts[0].time) for part in parts]

    def before(self, part: Part) -> Before:
        """What the master had before a part, and before its whole order: dollars of the latter, coins of the former.

        Raises:
            LookupError: the balances are not known yet.
            LedgerUnavailable: it is a later part, and the ledger does not tell of the earlier ones.
        """
        order = self._orders[part.order_id]
        known = self._book.before(part.order_id, part.filled_before, part.symbol)
        if part.filled_before > ZERO and order.balance_before is None:
            order.balance_before = self.record.balance_before(self.account, part.order_id)
        return known if order.balance_before is None else Before(order.balance_before, known.position)

    def signal_of(self, part: Part, before: Before) -> TradeSignal:
        """The signal of a part."""
        order = self._orders[part.order_id]
        fresh = part.time >= self._stale_before(order)
        return TradeSignal(
            broker=self.account.venue,
            symbol=part.symbol,
            side=part.side,
            price=part.price,
            size=part.size,
            size_type=SizeType.BASE,
            order_id=part.order_id,
            master_balance=before.dollars,
            timestamp=min(part.time, self.clock.time()),
            position_before=before.position,
            signal_id=signal_id_of(self.account, f"{part.order_id}+{plain(part.filled_before)}"),
            master=self.account,
            answered_ns=order.received_ns if fresh else 0,
            made_ns=order.received_ns if fresh else 0,
            by_hand=True,
            filled_before=part.filled_before,
            complete=part.complete,
        )

    def prepare(self, part: Part) -> None:
        """Commit what of its order is not copied, where there is such: the ledger then takes the part behind it.

        Raises:
            LedgerUnavailable: it was not committed.
        """
        order = self._orders[part.order_id]
        if order.uncopied:
            self.record.leave_uncopied(self.account, part.order_id, part.filled_before, order.uncopied)
            order.uncopied = ""

    def emitted(self, part: Part, before: Before) -> None:
        """A part is on its way to the engine as a signal."""
        order = self._orders[part.order_id]
        order.tally.covered = part.filled_after
        order.due_ns, order.emitted_ns, order.confirmed = None, self.clock.monotonic_ns(), False
        order.gather_ns = min(max(2 * order.gather_ns, _GATHER_NS), _LONGEST_GATHER_NS)
        if order.balance_before is None:
            order.balance_before = before.dollars

    def later(self, part: Part, pause_ns: int) -> None:
        """A part cannot become a signal yet."""
        self._orders[part.order_id].due_ns = self.clock.monotonic_ns() + pause_ns

    def answered(self) -> None:
        """A question was answered in full: what was missed is known now, or was never there.

        Raises:
            LedgerUnavailable: what it has of the signals is not known.
        """
        now_ns = self.clock.monotonic_ns()
        for order in self._orders.values():
            if order.gap is not None:
                order.gap_questions += 1
                if order.gap_questions >= _GAP_QUESTIONS and now_ns - order.gap_since_ns >= _GAP_AFTER_NS:
                    self._close_gap(order, now_ns)
        waiting = {one.tally.order_id: one for one in self._by_hand() if not one.confirmed}
        for order_id, covered in self.record.covered(self.account, waiting.keys()).items() if waiting else ():
            self._confirm(waiting[order_id], covered, now_ns)

    def _by_hand(self) -> Iterable[_Order]:
        return (order for order in self._orders.values() if order.by_hand)

    def _stale_before(self, order: _Order) -> float:
        # An exit is carried out however old it is.
        return self.clock.time() - self.max_signal_age_s if order.tally.side is Side.BUY else 0.0

    def _meet(self, executions: Sequence[Execution]) -> None:
        if not executions:
            return
        first = {one.order_id: one for one in reversed(executions)}
        names = {one.order_id: one.client_order_id for one in executions if one.client_order_id is not None}
        own = {order_id for order_id, name in names.items() if is_own_name(name)}
        asked = {name for order_id, name in names.items() if order_id not in own}
        placed = self.record.own_orders(self.account, asked) if asked else set()
        by_hand = [one for one in first if one not in own and names.get(one) not in placed]
        covered = self.record.covered(self.account, by_hand) if by_hand else {}
        for order_id, one in first.items():
            already = covered.get(order_id, ZERO)
            tally = OrderTally(order_id, one.symbol, one.side, covered=already, counted=already)
            self._orders[order_id] = _Order(tally, by_hand=order_id in covered or order_id in by_hand)

    def _let_be(self, order: _Order, execution: Execution) -> bool:
        if execution.executed <= order.tally.covered:
            return False
        order.tally.skip_to(execution.executed)
        order.uncopied = BEFORE_THE_WATCH
        return True

    def _note(self, order: _Order, received_ns: int, *, listed: bool) -> None:
        for execution in order.tally.further():
            self._book.add(execution)
        gap = order.tally.gap
        if gap is None or gap != order.gap:
            order.gap, order.gap_since_ns, order.gap_questions = gap, self.clock.monotonic_ns(), 0
        if not order.by_hand or not order.tally.parts():
            return
        if order.due_ns is None:
            order.received_ns = received_ns
        if listed or (order.tally.complete and gap is None):
            order.due_ns = received_ns
        elif order.due_ns is None:
            order.due_ns = max(received_ns + _LINGER_NS, order.emitted_ns + order.gather_ns)

    def _close_gap(self, order: _Order, now_ns: int) -> None:
        assert order.gap is not None
        missed_from, missed_to = order.gap
        tally = order.tally
        if order.by_hand and tally.side is Side.SELL and not self.is_first_watch:
            # An exit is never lost: what nobody tells of it was sold before the next fill that is known.
            tally.hear(tally.filler())
        else:
            tally.skip_to(missed_to)
            order.uncopied = "its fill was not told by the venue"
        if order.by_hand:
            _log.warning(
                "⚠️ %s: nothing tells when %s to %s of order %s traded",
                self.account,
                shown(missed_from),
                shown(missed_to),
                tally.order_id,
            )
        order.gap = None
        self._note(order, now_ns, listed=True)

    def _confirm(self, order: _Order, covered: Decimal, now_ns: int) -> None:
        if covered >= order.tally.covered:
            order.confirmed = True
            order.tally.forget_covered()
        elif now_ns - order.emitted_ns > _LOST_AFTER_NS:
            _log.warning(
                "%s: the ledger does not have the signal of order %s; it is made again",
                self.account,
                order.tally.order_id,
            )
            order.tally.covered, order.confirmed = covered, True
            order.due_ns = now_ns

    def _forget(self) -> None:
        for order_id in list(self._orders):
            if len(self._orders) <= _REMEMBERED:
                return
            order = self._orders[order_id]
            if order.confirmed and order.due_ns is None and order.gap is None:
                del self._orders[order_id]
