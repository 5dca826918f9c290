"""One process of the bot, without its threads: whoever runs the world says when its lanes and tickers work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.broker_manager import BrokerManager
from bot.brokers.base import BaseBroker, BrokerPorts
from bot.copy_trade_engine import CopyTradeEngine, EngineParts
from bot.copying.kill_switch import KillSwitchGate
from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId
from bot.domain.orders import OrderResult
from bot.domain.signals import TradeSignal
from bot.ledger.entry import url_of
from bot.ledger.journal import Ledger
from bot.settings.users import UserSettings
from bot.trade_signal_emitter import TradeSignalEmitter
from tests.fakes.lane import ManualLane
from tests.state_machine.broker import Fates, Life, PromptLane, SimulatedBroker
from tests.state_machine.clock import WorldClock
from tests.state_machine.venue import Venue

KRAKEN = BrokerType.KRAKEN
MASTER = AccountId.master(KRAKEN)

#: As in :mod:`bot.app.system`, seconds.
_TICK_S = 0.5
_RECONNECT_S = 15.0
_RECOVERY_WITHIN_S = 60.0


@dataclass
class World:
    """What outlives a process."""

    clock: WorldClock
    venue: Venue
    users: list[UserSettings]
    ledger_file: Path
    fates: Fates = field(default_factory=lambda: Fates(deque))
    plans: Callable[[Any], None] = lambda copies: None


class HeldLedger(Ledger):
    """The real ledger, but what is queued waits in memory until something is waited for, or :meth:`let_go`.

    So it is known at every moment what a process that dies would not have written.
    """

    def __init__(self, world: World, life: Life) -> None:
        super().__init__(url_of(world.ledger_file), world.clock, linger_s=0.0)
        self._life, self._world = life, world
        self._held: deque[Any] = deque()
        # All that is written passes these three.
        writer = self._writer
        self._queue, self._begin, self._flush = writer.queue, writer.begin, writer.flush
        writer.queue, writer.begin, writer.flush = self._held.append, self._begin_now, self._flush_now  # type: ignore[method-assign]

    def begin_plan(self, signal, copies, observe_only=False):
        self._world.plans(copies)
        return super().begin_plan(signal, copies, observe_only)

    def let_go(self, count: int | None = None) -> None:
        """Hand the oldest entries over to be written; all when None."""
        for _ in range(len(self._held) if count is None else min(count, len(self._held))):
            self._queue(self._held.popleft())

    def catch_up(self) -> None:
        """Wait for what was handed over; what is held stays."""
        assert self._flush(30.0), self.last_error

    def die(self, kept: int) -> None:
        """Write so many more entries and end."""
        self.let_go(kept)
        self._held.clear()
        self.close()

    def _begin_now(self, *work: Any) -> Future[Any]:
        self._life.passes()
        self.let_go()
        written = self._begin(*work)
        wait([written])
        self._life.passes()
        return written

    def _flush_now(self, timeout_s: float) -> bool:
        self.let_go()
        return self._flush(timeout_s)


class _Silent:
    """Announces nothing, to anybody."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments, **named: None


class Process:
    """Ledger, brokers, engine, and the tickers around them."""

    def __init__(self, world: World, life: Life) -> None:
        self._world, self._clock = world, world.clock
        self.ledger = HeldLedger(world, life)
        self.gate = KillSwitchGate(False, lambda: False, self.ledger)
        self._emitter = TradeSignalEmitter()
        self.manager = BrokerManager()
        self._lanes: list[ManualLane] = []
        self._life = life
        self._next_tick_ns = self._next_connect_ns = self._clock.monotonic_ns()
        self._intake_from_ns = 0

    def start(self) -> None:
        """In the order of :class:`bot.app.system.CopyTradingSystem`."""
        self.ledger.open()
        self.gate.refresh()
        self.master = self._broker(MASTER, PromptLane)
        self.manager.add_master(self.master)
        for user in self._world.users:
            self.manager.add_user(user, self._broker(AccountId(user.user_id, KRAKEN), ManualLane))
        self.manager.start()
        self._connect()
        silent: Any = _Silent()
        self.engine = CopyTradeEngine(
            EngineParts(
                self._emitter, self.manager, self.ledger, self.gate, silent, self._clock, lambda: Decimal("0.10")
            )
        )
        # The order in which two threads send is nobody's to know; with one it is always the same.
        self.engine._second_sender.shutdown()
        if self.engine.recover():
            self._intake_from_ns = self._clock.monotonic_ns() + int(_RECOVERY_WITHIN_S * 1e9)
        self.pump()

    def _broker(self, account: AccountId, kind: type[ManualLane]) -> SimulatedBroker:
        world, silent = self._world, _Silent()

        def make_lane(name: str) -> ManualLane:
            self._lanes.append(kind(name, world.clock))
            return self._lanes[-1]

        ports = BrokerPorts(self.gate, self.ledger, self._emitter, silent, world.clock, make_lane)  # type: ignore[arg-type]
        return SimulatedBroker(account, ports, world.venue, world.clock, self._life, world.fates)

    def _connect(self) -> None:
        for broker in self.manager.brokers:
            if not broker.connected and not broker.barred:
                broker.connect()

    # -- work ----------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Everything that can be done at this moment is done, and written."""
        while sum(lane.run_due() for lane in self._lanes) + self._take_signals():
            pass

    def _take_signals(self) -> int:
        if not self._takes_signals:
            return 0
        taken = 0
        while (item := self._emitter.get_signal(timeout=0)) is not None:
            taken += 1
            if isinstance(item, TradeSignal):
                self.engine.copy(item)
        return taken

    @property
    def _takes_signals(self) -> bool:
        """New ones wait for the orders of an earlier process to be known."""
        if self._clock.monotonic_ns() < self._intake_from_ns:
            if any(broker.doubts for broker in self.manager.brokers if broker.connected and not broker.paused):
                return False
            self._intake_from_ns = 0
        return True

    def pass_time(self, seconds: float) -> None:
        """Time goes on, from one thing that is due to the next."""
        end_ns = self._clock.monotonic_ns() + int(seconds * 1e9)
        while (now_ns := self._clock.monotonic_ns()) < end_ns:
            self.ledger.let_go()
            due = [due_ns for lane in self._lanes if (due_ns := lane.next_due_ns()) is not None]
            self._clock.pass_until(max(now_ns, min(*due, self._next_tick_ns, end_ns)))
            self._world.venue.land()
            self._tick()
            self.pump()

    def _tick(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._next_connect_ns:
            self._next_connect_ns = now_ns + int(_RECONNECT_S * 1e9)
            self._connect()
        if now_ns >= self._next_tick_ns:
            self._next_tick_ns = now_ns + int(_TICK_S * 1e9)
            self.gate.refresh()
            self.engine.release_waiting()

    def trade(self, symbol: str, side: str, quantity: Decimal, size_type: str) -> OrderResult:
        """A trade of the master; the result as it stands when nothing more can be done at this moment."""
        result = self.master.place_market_order(symbol, side, quantity, size_type)
        self.pump()
        return result

    def broker(self, account: AccountId) -> BaseBroker:
        broker = self.manager.broker(account)
        assert broker is not None
        return broker
