"""A connected broker on a scripted venue, with everything around it; ends with its test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bot.brokers.base import BrokerOptions
from bot.domain.enums import BrokerType, OrderState, Side
from bot.domain.ids import AccountId, new_client_order_id
from bot.domain.orders import MarketOrder, OrderReport, OrderResult
from bot.domain.outcomes import Outcome
from tests.fakes.broker import ScriptedBroker, send
from tests.fakes.lane import ManualLane
from tests.fakes.ports import FakePorts, RecordingObserver
from tests.fakes.trace import PATIENCE_S

MASTER = AccountId.master(BrokerType.KRAKEN)
TANIA = AccountId("tania", BrokerType.KRAKEN)

#: Nothing that an order needs is further away; housekeeping is.
_SOON_NS = 20_000_000_000


class BrokerStage:
    """One account's broker, its venue and its ports."""

    def __init__(self, account: AccountId, announcer: Any = None, options: BrokerOptions | None = None) -> None:
        self.fakes = self._make_fakes(announcer)
        self.trace = self.fakes.trace
        self.broker = ScriptedBroker(account, self.fakes, options or BrokerOptions(fill_wait_s=PATIENCE_S))
        self.observer = RecordingObserver(self.trace, self.fakes.clock.monotonic_ns() - 40_000_000)
        self.broker.start()

    def _make_fakes(self, announcer: Any) -> FakePorts:
        return FakePorts(announcer)

    def connect(self) -> BrokerStage:
        assert self.broker.connect(PATIENCE_S)
        return self

    def close(self) -> None:
        self.broker.stop()
        assert self.broker.join(time.monotonic() + PATIENCE_S)

    def place(self, side: str = "buy", quantity: Any = "0.002", size_type: str = "base") -> OrderResult:
        return self.broker.place_market_order("BTC-USD", side, quantity, size_type)

    def order(self, side: Side = Side.BUY, quantity: Any = "0.002") -> MarketOrder:
        """A planned copy's order."""
        return MarketOrder(
            self.broker.account,
            new_client_order_id(),
            "BTC-USD",
            side,
            Decimal(quantity),
            Decimal(50_000),
        )

    def send(self, order: MarketOrder, limit: Callable[[], Decimal] | None = None) -> None:
        """Send a planned copy, as the engine does."""
        send(self.broker, order, self.observer, limit)

    def copy(self, order: MarketOrder, limit: Callable[[], Decimal] | None = None) -> tuple[Any, ...]:
        """Send a planned copy and wait for its end: order, report and state as the observer heard them."""
        before = self.trace.count("observer.settled")
        self.send(order, limit)
        last: tuple[Any, ...] = self.trace.wait_for("observer.settled", before + 1)[-1]
        return last

    def hold(self, **amounts: Any) -> None:
        """Let the venue's books have these amounts, and the broker know it."""
        self.broker.booked |= {code: Decimal(str(amount)) for code, amount in amounts.items()}
        self.broker.refresh_balances(PATIENCE_S)

    def sent(self) -> list[MarketOrder]:
        """What reached the wire, in order."""
        return self.trace.of("venue.submit")

    def journalled(self) -> list[tuple[Outcome, OrderState]]:
        """Outcomes and states as they were written, in order."""
        return [(outcome, state) for _, outcome, state, _ in self.trace.of("journal.answered")]

    def since_connected(self) -> list[str]:
        """Steps after the connection."""
        steps = self.trace.steps
        return steps[steps.index("say.connected") + 1 :]

    def not_final(self, order: MarketOrder, order_id: Any) -> OrderReport:
        """An answer of a venue that is still at it."""
        zero = Decimal(0)
        return OrderReport(order_id, zero, zero, zero, zero, "USD", final=False)


class StillStage(BrokerStage):
    """A stage on which no time passes by itself: :meth:`pass_time` moves it, and lanes work as it goes."""

    def _make_fakes(self, announcer: Any) -> FakePorts:
        return FakePorts(announcer, lambda name: ManualLane(name, self.fakes.clock))

    @property
    def lane(self) -> ManualLane:
        lane = self.broker._lane
        assert isinstance(lane, ManualLane)
        return lane

    @property
    def now_s(self) -> float:
        """Monotonic seconds."""
        return self.fakes.clock.monotonic_ns() / 1e9

    def pass_time(self, seconds: float) -> None:
        """Time goes on, from one thing that is due to the next."""
        pass_time(self.fakes, [self.lane], seconds)

    def send(self, order: MarketOrder, limit: Callable[[], Decimal] | None = None) -> None:
        super().send(order, limit)
        self.lane.run_due()

    def copy(self, order: MarketOrder, limit: Callable[[], Decimal] | None = None) -> tuple[Any, ...]:
        """As of its parent; time passes until the end is told."""
        before = self.trace.count("observer.settled")
        self.send(order, limit)
        self._until(lambda: self.trace.count("observer.settled") > before)
        last: tuple[Any, ...] = self.trace.of("observer.settled")[-1]
        return last

    def place(self, side: str = "buy", quantity: Any = "0.002", size_type: str = "base") -> OrderResult:
        """As of its parent; while its caller waits, time passes here."""
        results: list[OrderResult] = []
        parent = super().place
        thread = threading.Thread(target=lambda: results.append(parent(side, quantity, size_type)))
        thread.start()
        self.trace.wait_until(lambda: self.lane.waiting > 0 or not thread.is_alive())
        deadline = time.monotonic() + PATIENCE_S
        while thread.is_alive():
            assert time.monotonic() < deadline, f"it never came to it; what did: {self.trace.steps}"
            if not self._step():
                thread.join(0.001)
        return results[0]

    def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            assert self._step(), f"it never came to it; what did: {self.trace.steps}"

    def _step(self) -> bool:
        """Whether there was something to do soon."""
        if self.lane.run_due():
            return True
        due, now = self.lane.next_due_ns(), self.fakes.clock.monotonic_ns()
        if due is None or due - now > _SOON_NS:
            return False
        self.fakes.clock.advance_to_ns(due)
        return True


def pass_time(fakes: FakePorts, lanes: list[ManualLane], seconds: float, tick: Callable[[], Any] | None = None) -> None:
    """Time goes on for all lanes, from one thing that is due to the next; ``tick`` is called after each."""
    clock = fakes.clock
    end = clock.monotonic_ns() + int(seconds * 1e9)

    def work() -> None:
        while sum(lane.run_due() for lane in lanes) + bool(tick and tick()):
            pass

    work()
    while (due := min((ns for lane in lanes if (ns := lane.next_due_ns()) is not None), default=end + 1)) <= end:
        clock.advance_to_ns(due)
        work()
    clock.advance_to_ns(end)
    work()
