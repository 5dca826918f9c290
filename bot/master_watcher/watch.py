"""One master's account, watched for what is traded on it by hand."""

from __future__ import annotations

import logging
import queue
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from bot.domain.enums import Side
from bot.domain.errors import LedgerUnavailable, NijaError
from bot.domain.executions import Execution
from bot.domain.ids import VenueOrderId, is_own_name
from bot.domain.money import ONE, ZERO
from bot.domain.orders import AccountBalances
from bot.domain.ports import ExecutionStream
from bot.master_watcher.book import Before
from bot.master_watcher.orders import BEFORE_THE_WATCH, OrdersByHand
from bot.master_watcher.parts import WatchParts
from bot.master_watcher.tally import Part
from bot.runtime.service import Service

_log = logging.getLogger("nija.watcher")

#: Between two questions while a socket tells everything: sockets are hints, the venue's books are the record.
_CHECK_EVERY_S = 60.0
#: After something was heard by socket, its books are asked: they are final then.
_CHECK_AFTER_S = 5.0
#: Questions reach back this much further than what is known: a venue may book late.
_OVERLAP_S = 120.0
#: What traded this long before a question is in its answer.
_BOOKED_WITHIN_S = 30.0
#: How much of the mark may be lost with the process: what is asked for again is known already.
_MARK_EVERY_S = 60.0
#: A master that nobody tells of for this long is an alarm.
_BLIND_S = 30.0
_NOT_CONNECTED_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_LEDGER_PAUSE_S = 1.0
_NEVER_NS = 2**63
_BALANCES_WITHIN_S = 5.0
_BASELINE_WITHIN_S = 60.0
_STREAM_ENDS_WITHIN_S = 2.0
#: Pause before the same interruption is said again.
_SAY_AGAIN_NS = 600 * 10**9
#: Balances that wait to be looked at.
_BALANCES_KEPT = 100
#: Before a part is tried again: the balances before it are not known yet, or the queue is full.
_NOT_EMITTED_PAUSE_NS = 500_000_000
#: Coins or dollars that may be missing for a trade: the rest is rounding.
_ROUNDING = ONE.scaleb(-6)


@dataclass(frozen=True, slots=True)
class _Heard:
    executions: tuple[Execution, ...]
    received_ns: int


@dataclass(frozen=True, slots=True)
class _Listening:
    pass


@dataclass(frozen=True, slots=True)
class _Interrupted:
    reason: str


@dataclass(frozen=True, slots=True)
class _Answered:
    asked_at: float
    answer: Future[list[Execution]]


_Item = _Heard | _Listening | _Interrupted | _Answered | None


class MasterWatch(Service):
    """Hears of executions by socket, asks for them where there is none, and lets those by hand become signals.

    A socket's thread calls :class:`bot.domain.ports.ExecutionListener`; everything else happens in the watch's own.
    """

    def __init__(self, parts: WatchParts) -> None:
        super().__init__(f"watch {parts.broker.account}")
        self._parts = parts
        self._account = parts.broker.account
        self._inbox: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        # With the moment when they were heard.
        self._balances: deque[tuple[AccountBalances, float]] = deque(maxlen=_BALANCES_KEPT)
        self._stream: ExecutionStream | None = None
        self._question: Future[list[Execution]] | None = None
        self._next_question_ns = 0
        self._failures = 0
        self._seen_ns = 0
        self._is_blind = False
        self._trouble = ""
        self._said: dict[str, int] = {}
        self._until = self._marked = 0.0
        self._orders: OrdersByHand | None = None
        parts.broker.hear_balances(lambda balances: self._balances.append((balances, parts.clock.time())))

    # -- what the socket's thread calls --------------------------------------------------------------------------

    def listening(self) -> None:
        """From now on every execution is told."""
        self._inbox.put(_Listening())

    def executed(self, executions: Sequence[Execution]) -> None:
        """These traded."""
        self._inbox.put(_Heard(tuple(executions), self._parts.clock.monotonic_ns()))

    def interrupted(self, reason: str) -> None:
        """Something may be missed."""
        self._inbox.put(_Interrupted(reason))

    # -- the watch's own thread ----------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask to end."""
        super().stop()
        self._inbox.put(None)

    def _run(self) -> None:
        try:
            if self._orders is None and not self._wait_for_master():
                return
            if self._stream is None:
                self._stream = self._open_stream()
            while not self._stop.is_set():
                self._turn()
        finally:
            self._end()

    def _wait_for_master(self) -> bool:
        while not self._stop.is_set():
            pause_s = _NOT_CONNECTED_PAUSE_S
            if self._parts.broker.connected:
                try:
                    self._orders = self._take_marks()
                    return True
                except (NijaError, TimeoutError) as error:
                    _log.error("%s is not watched yet: %s", self._account, f"{error}" or "no answer")
                pause_s = self._parts.poll_s
            self._stop.wait(pause_s)
        return False

    def _take_marks(self) -> OrdersByHand:
        parts = self._parts
        marks = parts.record.marks(self._account)
        since, self._until = marks or (parts.clock.time(),) * 2
        if marks is None:
            self._leave_open_orders()
            parts.record.set_marks(self._account, since, since)
        self._marked = self._until
        self._seen_ns = self._next_question_ns = self._now_ns()
        return OrdersByHand(
            self._account, parts.record, parts.clock, parts.max_signal_age_s, since, is_first_watch=marks is None
        )

    def _leave_open_orders(self) -> None:
        # What open orders traded before the first watch: later nothing would tell it from what was missed.
        parts = self._parts
        for order in parts.broker.list_orders(parts.clock.time()).result(_BASELINE_WITHIN_S):
            is_own = order.client_order_id is not None and is_own_name(order.client_order_id)
            if order.open and order.executed > ZERO and not is_own:
                parts.record.leave_uncopied(self._account, order.order_id, order.executed, BEFORE_THE_WATCH)

    def _open_stream(self) -> ExecutionStream | None:
        try:
            stream = self._parts.broker.open_stream(self)
        except NijaError as error:
            self._say_interrupted(str(error))
            return None
        if stream is None:
            self._parts.announcer.watching(self._account, f"its fills are asked for every {self._parts.poll_s:g} s")
        else:
            stream.start()
        return stream

    def _end(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.stop()
            stream.join(time.monotonic() + _STREAM_ENDS_WITHIN_S)
        if self._question is not None:
            self._question.cancel()
        if self._orders is not None:
            self._keep_mark(0.0)

    def _turn(self) -> None:
        item = self._next_item()
        try:
            self._handle(item)
            self._emit_due()
        except LedgerUnavailable as error:
            # Nothing is lost: the mark stays, and the venue is asked again.
            _log.error("%s: what was traded by hand waits: %s", self._account, error)
            self._stop.wait(_LEDGER_PAUSE_S)
            self._ask_within(0.0)
        except Exception:
            _log.exception("%s: what was heard cannot be used; the venue is asked", self._account)
            self._stop.wait(_LEDGER_PAUSE_S)
            self._ask_within(0.0)
        self._ask_if_due()
        self._look_whether_blind()

    def _next_item(self) -> _Item:
        due_ns = self._hand.next_due_ns
        nearest_ns = self._next_question_ns if self._question is None else due_ns
        if due_ns is not None and nearest_ns is not None:
            nearest_ns = min(due_ns, nearest_ns)
        wait_s = 1.0
        if nearest_ns is not None:
            wait_s = min(max(0.0, (nearest_ns - self._now_ns()) / 1e9), wait_s)
        try:
            return self._inbox.get(timeout=wait_s) if wait_s > 0 else self._inbox.get_nowait()
        except queue.Empty:
            return None

    @property
    def _hand(self) -> OrdersByHand:
        assert self._orders is not None
        return self._orders

    def _handle(self, item: _Item) -> None:
        self._take_balances()
        match item:
            case _Heard(executions, received_ns):
                self._hand.hear(executions, received_ns, listed=False)
                self._ask_within(0.0 if self._hand.has_gap else _CHECK_AFTER_S)
            case _Listening():
                self._said.clear()
                self._parts.announcer.watching(self._account, "its fills are told by socket")
                self._ask_within(0.0)
            case _Interrupted(reason):
                self._say_interrupted(reason)
                self._ask_within(0.0)
            case _Answered(asked_at, answer):
                self._question = None
                self._take_answer(asked_at, answer)

    def _say_interrupted(self, reason: str) -> None:
        self._trouble = reason
        # What stays wrong, such as a permission that the key lacks, is said now and then.
        if self._now_ns() - self._said.get(reason, -_SAY_AGAIN_NS) >= _SAY_AGAIN_NS:
            self._said[reason] = self._now_ns()
            self._parts.announcer.watch_interrupted(self._account, reason)

    def _take_balances(self) -> None:
        while self._balances:
            self._hand.show(*self._balances.popleft())

    # -- questions -----------------------------------------------------------------------------------------------

    def _ask_within(self, seconds: float) -> None:
        self._next_question_ns = min(self._next_question_ns, self._now_ns() + int(seconds * 1e9))

    def _ask_if_due(self) -> None:
        if self._question is not None or self._now_ns() < self._next_question_ns or self._stop.is_set():
            return
        asked_at = self._parts.clock.time()
        # What is wanted from now on is not in the answer to this one.
        self._next_question_ns = _NEVER_NS
        self._question = self._parts.broker.list_executions(self._until - _OVERLAP_S)
        self._question.add_done_callback(lambda answer: self._inbox.put(_Answered(asked_at, answer)))

    def _take_answer(self, asked_at: float, answer: Future[list[Execution]]) -> None:
        if answer.cancelled():
            return
        try:
            executions = answer.result()
        except Exception as error:
            if not isinstance(error, NijaError):
                _log.exception("%s: its fills cannot be read", self._account)
            self._trouble = f"{error}"
            self._failures += 1
            pause_s = min(self._parts.poll_s * 2 ** (self._failures - 1), _LONGEST_PAUSE_S)
            self._next_question_ns = self._now_ns() + int(pause_s * 1e9)
            return
        self._failures = 0
        self._seen_ns = self._now_ns()
        healthy = self._stream is not None and self._stream.healthy
        self._ask_within(_CHECK_EVERY_S if healthy else self._parts.poll_s)
        self._take_balances()
        self._hand.hear(executions, self._seen_ns, listed=True)
        self._hand.answered()
        if not self._hand.all_recorded:
            self._ask_within(_CHECK_AFTER_S)
        else:
            self._until = max(self._until, asked_at - _BOOKED_WITHIN_S)
            self._keep_mark(_MARK_EVERY_S)

    def _keep_mark(self, at_least_s: float) -> None:
        if self._until - self._marked <= at_least_s:
            return
        try:
            self._parts.record.set_marks(self._account, self._hand.since, self._until)
        except LedgerUnavailable as error:
            _log.warning("%s: how far it is watched is not written: %s", self._account, error)
        else:
            self._marked = self._until

    def _look_whether_blind(self) -> None:
        now_ns = self._now_ns()
        if self._stream is not None and self._stream.healthy:
            self._seen_ns = now_ns
        blind_s = (now_ns - self._seen_ns) / 1e9
        if blind_s <= max(_BLIND_S, 2 * self._parts.poll_s):
            self._is_blind = False
        elif not self._is_blind:
            self._is_blind = True
            self._parts.announcer.watch_blind(self._account, blind_s, self._trouble or self._parts.broker.status)

    # -- signals -------------------------------------------------------------------------------------------------

    def _emit_due(self) -> None:
        waiting: set[VenueOrderId] = set()
        for part in self._hand.due():
            # The ledger takes the parts of an order one behind the other.
            if part.order_id not in waiting and not self._emit(part):
                self._hand.later(part, _NOT_EMITTED_PAUSE_NS)
                waiting.add(part.order_id)

    def _before(self, part: Part) -> Before:
        before = self._hand.before(part)
        if _is_possible(before, part):
            return before
        # Deposited a moment ago: the balances do not show it yet.
        try:
            self._parts.broker.refresh_balances(_BALANCES_WITHIN_S)
        except (NijaError, TimeoutError) as error:
            _log.warning("%s: balances before order %s are not sure: %s", self._account, part.order_id, error)
        self._take_balances()
        before = self._hand.before(part)
        if part.side is Side.BUY:
            return Before(max(before.dollars, part.cost), before.position)
        return Before(before.dollars, max(before.position, part.size))

    def _emit(self, part: Part) -> bool:
        announcer = self._parts.announcer
        try:
            before = self._before(part)
        except LookupError:
            return False
        self._hand.prepare(part)
        signal = self._hand.signal_of(part, before)
        announcer.traded_by_hand(signal)
        announcer.emitting(signal)
        if not self._parts.emit(signal):
            announcer.signal_refused(signal, "the signal queue is full; it is tried again")
            return False
        self._hand.emitted(part, before)
        announcer.emitted(signal)
        return True

    def _now_ns(self) -> int:
        return self._parts.clock.monotonic_ns()


def _is_possible(before: Before, part: Part) -> bool:
    if part.side is Side.BUY:
        return before.dollars >= part.cost * (ONE - _ROUNDING) > ZERO
    return before.position >= part.size * (ONE - _ROUNDING)
