"""A ledger in memory with signals and copies in it, and the runs that belong to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from bot.copying.coins import CopiedCoins
from bot.copying.plan import order_of
from bot.copying.run import RunHearers, SignalRun
from bot.domain.enums import OrderState
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId, ClientOrderId, SignalId, VenueOrderId, client_order_id_of
from bot.domain.orders import Fill, MarketOrder, OrderReport, Sized
from bot.domain.outcomes import Accepted, Outcome, Rejected, Unknown
from bot.domain.signals import PlannedCopy, TradeSignal
from bot.ledger.journal import Ledger
from bot.ledger.rows import CopyRow
from tests.fakes.clock import SettableClock
from tests.fakes.trace import PATIENCE_S, Trace
from tests.unit.copying.builders import ENTRY, PRICE, TANIA, a_fill


class AwayLedger(Ledger):
    """The real ledger, which cannot be written for as long as :attr:`away` says why; what is queued waits."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._away = ""
        self._held: list[Callable[[], None]] = []

    @property
    def away(self) -> str:
        """Why it cannot be written, or empty."""
        return self._away

    @away.setter
    def away(self, why: str) -> None:
        self._away = why
        while not why and self._held:
            self._held.pop(0)()

    def answered(self, *entry: Any) -> None:
        self._queue(partial(super().answered, *entry))

    def settled(self, *entry: Any) -> None:
        self._queue(partial(super().settled, *entry))

    def _queue(self, write: Callable[[], None]) -> None:
        if self._away:
            self._held.append(write)
        else:
            write()

    def begin_plan(self, *arguments: Any, **named: Any) -> Any:
        self._answer()
        return super().begin_plan(*arguments, **named)

    def intend(self, order: MarketOrder) -> None:
        self._answer()
        super().intend(order)

    def add_copy(self, copy: PlannedCopy, signal: TradeSignal) -> bool:
        self._answer()
        return super().add_copy(copy, signal)

    def begin_attempt(self, before: MarketOrder, order: MarketOrder, deadline: float | None = None) -> None:
        self._answer()
        super().begin_attempt(before, order, deadline)

    def _answer(self) -> None:
        if self._away:
            raise LedgerUnavailable(self._away)


@dataclass
class AccountState:
    """What has to be known of an account before an order may leave."""

    connected: bool = True
    paused: bool = False
    doubted: set[str] = field(default_factory=set)

    def in_doubt(self, symbol: str) -> bool:
        return symbol in self.doubted


class Desk:
    """One ledger, its clock, the coins in memory, and whatever was heard of orders."""

    def __init__(
        self, coins: dict[tuple[AccountId, str], Decimal] | None = None, ledger: AwayLedger | None = None
    ) -> None:
        self.trace = Trace()
        self.clock = SettableClock()
        self.ledger = ledger or AwayLedger("sqlite://", self.clock, linger_s=0.0)
        if ledger is None:
            self.ledger.open()
        self.coins = CopiedCoins(coins or {})

    def close(self) -> None:
        assert self.ledger.close(PATIENCE_S)

    # -- signals and their copies --------------------------------------------------------------------------------

    def copy_of(
        self,
        signal: TradeSignal = ENTRY,
        account: AccountId = TANIA,
        state: OrderState = OrderState.PLANNED,
        quantity: Any = "0.002",
    ) -> PlannedCopy:
        size = Decimal(quantity)
        return PlannedCopy(
            signal_id=signal.signal_id,
            account=account,
            client_order_id=client_order_id_of(signal.signal_id, account),
            symbol=signal.symbol,
            side=signal.side,
            balance=Decimal(1000),
            decision=Sized(size, size * PRICE),
            state=state,
            reason="waiting: account paused" if state is OrderState.PLANNED else "",
        )

    def plan(self, signal: TradeSignal = ENTRY, *copies: PlannedCopy) -> SignalRun:
        """Record a signal with its copies, one planned copy of tania's unless some are given."""
        planned = copies or (self.copy_of(signal),)
        assert self.ledger.record_plan(signal, planned)
        return self.run_of(signal, planned)

    def run_of(self, signal: TradeSignal, copies: Sequence[PlannedCopy]) -> SignalRun:
        note = self.trace.add
        hearers = RunHearers(
            answered=lambda result: note("answer", result),
            waits=lambda order, run: note("wait", order),
            absent=lambda order, run: False,
            bought_late=lambda order, report, missed: note("bought late", (order, report, missed)),
            sold_partly=lambda order, report, run: note("sold partly", (order, report)),
            done=lambda run: note("done", run.results),
        )
        return SignalRun(signal, copies, self.coins, hearers)

    def order(self, run: SignalRun, account: AccountId = TANIA) -> MarketOrder:
        """The order of a copy of the run, as it was planned."""
        order = order_of(self.copy_of(run.signal, account), run.signal)
        assert order is not None
        return order

    # -- what the ledger has -------------------------------------------------------------------------------------

    def row(self, name: str) -> CopyRow:
        assert self.ledger.flush(PATIENCE_S)
        row = self.ledger.views.copy(ClientOrderId(name))
        assert row is not None
        return row

    def rows(self, signal_id: SignalId) -> list[CopyRow]:
        assert self.ledger.flush(PATIENCE_S)
        return self.ledger.views.copies_of(signal_id)

    def write(self, order: MarketOrder, *states: OrderState) -> None:
        """Let an order that was sent come as far as the last of these states."""
        for state in states:
            if state is OrderState.FILLED:
                self.ledger.settled(order, filled(order), state)
            elif state is not OrderState.SUBMITTING:
                self.ledger.answered(order, _OUTCOMES[state], state)
        assert self.ledger.flush(PATIENCE_S)


_OUTCOMES: dict[OrderState, Outcome] = {
    OrderState.PLANNED: Rejected("account paused", sent=False, not_now=True),
    OrderState.UNKNOWN: Unknown("read timed out"),
    OrderState.ACCEPTED: Accepted(VenueOrderId("O-1")),
    OrderState.REJECTED: Rejected("EOrder:Insufficient funds"),
    OrderState.FAILED: Rejected("not at the venue"),
}


def filled(order: MarketOrder, executed: Any = None) -> OrderReport:
    """A final report with one fill, which the ledger counts."""
    size = order.quantity if executed is None else Decimal(executed)
    fill: Fill = a_fill(f"T-{order.client_order_id}", size)
    return OrderReport(VenueOrderId("O-1"), size, PRICE, fill.cost, fill.fee, "USD", final=True, fills=(fill,))
