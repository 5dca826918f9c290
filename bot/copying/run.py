"""The run of one signal: every copy's way from the plan to its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bot.copying.coins import CopiedCoins
from bot.domain.enums import OrderState, Side
from bot.domain.ids import AccountId, SignalId
from bot.domain.money import ZERO
from bot.domain.orders import MarketOrder, OrderReport, Sized
from bot.domain.outcomes import Accepted, Outcome
from bot.domain.signals import CopyTradeResult, PlannedCopy, TradeSignal


@dataclass(frozen=True, slots=True)
class RunHearers:
    """Who is told what of a run.

    Attributes:
        answered: each copy's result as soon as its order was answered.
        waits: an order that could not leave yet.
        absent: an order that is proven not to be at the venue; whether it goes out again.
        bought_late: an entry that had been in doubt has its fill, and these exits were planned without it.
        sold_partly: the venue cancelled the rest of an exit.
        done: once, when no copy is on its way any more; exits may still wait.
    """

    answered: Callable[[CopyTradeResult], None]
    waits: Callable[[MarketOrder, SignalRun], None]
    absent: Callable[[MarketOrder, SignalRun], bool]
    bought_late: Callable[[MarketOrder, OrderReport, list[SignalId]], None]
    sold_partly: Callable[[MarketOrder, OrderReport, SignalRun], None]
    done: Callable[[SignalRun], None]


class SignalRun:
    """Hears every lane (:class:`bot.domain.ports.OrderObserver`) and knows when the signal is done.

    Args:
        signal: what is copied.
        plan: every follower's copy.
        coins: told of every order's beginning and end.
        hearers: who is told what.
    """

    def __init__(
        self,
        signal: TradeSignal,
        plan: Sequence[PlannedCopy],
        coins: CopiedCoins,
        hearers: RunHearers,
    ) -> None:
        self.signal = signal
        self._coins = coins
        self._hearers = hearers
        self._lock = threading.Lock()
        self._results = {copy.account: _first_result(copy) for copy in plan}
        self._under_way = {copy.account for copy in plan if copy.state is OrderState.SUBMITTING}
        self._done = threading.Event()
        self._told = False

    def begin(self) -> None:
        """The plan is committed. Where it has no order that leaves, the run is done."""
        with self._lock:
            nothing = not self._under_way
            if nothing:
                self._done.set()
        if nothing:
            self._tell()

    @property
    def since_ns(self) -> int:
        """Monotonic nanoseconds of the answer to the master's order."""
        return self.signal.answered_ns

    @property
    def results(self) -> list[CopyTradeResult]:
        """Every follower's result as it stands, in the plan's order."""
        with self._lock:
            return list(self._results.values())

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until no copy is on its way any more; whether that came in time."""
        return self._done.wait(timeout_s)

    def why(self, order: MarketOrder) -> str:
        """Why an order waits, as last told."""
        with self._lock:
            return self._results[order.account].reason

    def resume(self, order: MarketOrder) -> None:
        """An order that waited, or one of an earlier process, is on its way."""
        with self._lock:
            self._under_way.add(order.account)
            self._done.clear()
        self._change(order.account, state=OrderState.SUBMITTING, reason="", client_order_id=order.client_order_id)

    def end(self, order: MarketOrder, state: OrderState, reason: str) -> None:
        """An order that waited ends without having left."""
        self._hearers.answered(self._change(order.account, state=state, reason=reason))
        self._leave(order.account)

    def answered(self, order: MarketOrder, outcome: Outcome, state: OrderState, answered_ns: int) -> None:
        """A venue answered one copy's order."""
        since = self.signal.answered_ns
        if state is OrderState.UNKNOWN:
            self._coins.doubt(order)
        result = self._change(
            order.account,
            state=state,
            quantity=order.quantity,
            order_id=outcome.order_id if isinstance(outcome, Accepted) else None,
            reason="" if isinstance(outcome, Accepted) else outcome.reason,
            milliseconds=(answered_ns - since) / 1e6 if since else None,
        )
        self._hearers.answered(result)

    def absent(self, order: MarketOrder) -> bool:
        """A copy's order is proven not to be at the venue; whether it goes out again."""
        if not self._hearers.absent(order, self):
            return False
        self._change(order.account, state=OrderState.PLANNED, reason="not at the venue: it goes out again")
        return True

    def settled(self, order: MarketOrder, report: OrderReport | None, state: OrderState) -> None:
        """One copy's order came to its end, or waits."""
        waits = state is OrderState.PLANNED
        # An exit that waits keeps its place among the others.
        missed = [] if waits and order.side is Side.SELL else self._coins.close(order, report)
        self._change(order.account, state=state, report=report)
        if waits:
            # Before it is told: it may leave again at once.
            self._leave(order.account)
            self._hearers.waits(order, self)
            return
        if report is not None and missed:
            self._hearers.bought_late(order, report, missed)
        if report is not None and order.side is Side.SELL and report.executed < order.quantity:
            self._hearers.sold_partly(order, report, self)
        self._leave(order.account)

    def _leave(self, account: AccountId) -> None:
        with self._lock:
            self._under_way.discard(account)
            last = not self._under_way
            if last:
                self._done.set()
        if last:
            self._tell()

    def _change(self, account: AccountId, **changes: object) -> CopyTradeResult:
        with self._lock:
            self._results[account] = replace(self._results[account], **changes)  # type: ignore[arg-type]
            return self._results[account]

    def _tell(self) -> None:
        with self._lock:
            # An exit that waited ends a run a second time.
            first, self._told = not self._told, True
        if first:
            self._hearers.done(self)


def _first_result(copy: PlannedCopy) -> CopyTradeResult:
    return CopyTradeResult(
        signal_id=copy.signal_id,
        account=copy.account,
        symbol=copy.symbol,
        side=copy.side,
        state=copy.state,
        balance=copy.balance,
        quantity=copy.decision.quantity if isinstance(copy.decision, Sized) else ZERO,
        reason=copy.reason,
        client_order_id=copy.client_order_id,
    )
