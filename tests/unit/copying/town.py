"""A whole bot without threads: real engine, brokers and ledger, a scripted venue for each account, a clock that stands.

A restart makes new brokers and a new engine over the same ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.broker_manager import BrokerManager
from bot.brokers.base import BrokerOptions
from bot.copy_trade_engine import CopyTradeEngine, EngineParts
from bot.copying.kill_switch import KillSwitchGate
from bot.domain.enums import OrderState, Side
from bot.domain.errors import VenueUnclear
from bot.domain.ids import AccountId, ClientOrderId, VenueOrderId
from bot.domain.orders import MarketOrder, OrderReport, OrderResult
from bot.domain.signals import TradeSignal
from bot.ledger.rows import CopyRow
from bot.settings.users import UserSettings
from bot.trade_signal_emitter import TradeSignalEmitter
from tests.fakes.broker import ScriptedBroker
from tests.fakes.clock import SettableClock
from tests.fakes.lane import ManualLane
from tests.fakes.ports import FakePorts
from tests.fakes.stage import pass_time
from tests.fakes.trace import PATIENCE_S, Trace
from tests.unit.copying.builders import ENTRY, MASTER, TANIA
from tests.unit.copying.desk import AwayLedger, Desk, filled

LOST = VenueUnclear("read timed out")
#: Seconds until an order's absence is proof; five of a deadline and eight to settle.
PROVABLE_S = 13.0
_TICK_S = 0.5


class PromptLane(ManualLane):
    """Its jobs run in whoever offers them: for callers that wait for an answer."""

    def offer(self, job: Callable[[], None]) -> bool:
        taken = super().offer(job)
        self.run_due()
        return taken


class _Silent:
    """Announces nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments, **named: None


class Venues:
    """What outlives a process: the orders that the venues have, by their names, and everybody's balances."""

    def __init__(self) -> None:
        self.booked: dict[AccountId, dict[str, Decimal]] = {}
        self.known: dict[ClientOrderId, VenueOrderId] = {}

    def take(self, order: MarketOrder) -> VenueOrderId:
        """Fill an order, once."""
        if order.client_order_id not in self.known:
            self.known[order.client_order_id] = VenueOrderId(f"O-{order.client_order_id[:8]}")
            books, direction = self.booked[order.account], 1 if order.side is Side.BUY else -1
            books["BTC"] = books.get("BTC", Decimal(0)) + direction * order.quantity
            books["USD"] -= direction * order.quantity * order.price
        return self.known[order.client_order_id]


class TownBroker(ScriptedBroker):
    """Fills at once what is sent, unless ``submits`` says otherwise, and finds what the venue has."""

    venues: Venues

    def _answer_to(self, order: MarketOrder) -> VenueOrderId:
        if self.submits:
            return super()._answer_to(order)
        return self.venues.take(order)

    def _venue_find(self, order: MarketOrder) -> VenueOrderId | None:
        return super()._venue_find(order) or self.venues.known.get(order.client_order_id)

    def filled(self, order: MarketOrder, order_id: VenueOrderId, executed: Decimal | None = None) -> OrderReport:
        return replace(filled(order, executed), order_id=order_id)

    def book(self, order: MarketOrder, report: OrderReport) -> None:
        """Done when it was taken."""


class Town:
    """One master and its users."""

    def __init__(self, users: Sequence[AccountId] = (TANIA,)) -> None:
        self.clock = SettableClock()
        self.ledger = AwayLedger("sqlite://", self.clock, linger_s=0.0)
        self.ledger.open()
        self.users = list(users)
        #: Those of them that trade by themselves.
        self.independent: set[AccountId] = set()
        self.venues = Venues()
        self.trace = Trace()
        self.brokers: dict[AccountId, ScriptedBroker] = {}
        self.lanes: list[ManualLane] = []
        self._next_tick_ns = 0
        self.made: list[CopyTradeEngine] = []
        #: Whether the tickers of the running process work.
        self.ticks = True

    def start(self, connect: bool = True) -> Town:
        """A new process: nothing is asked of the ledger yet."""
        self.trace = Trace()
        self.lanes = []
        self.gate = KillSwitchGate(False, lambda: False, self.ledger, self._is_disabled)
        self.gate.refresh()
        self.emitter = TradeSignalEmitter()
        self.manager = BrokerManager()
        self.brokers = {}
        self.manager.add_master(self._broker(MASTER, PromptLane))
        for account in self.users:
            self.manager.add_user(self._entry(account), self._broker(account, ManualLane))
        self.manager.start()
        if connect:
            for broker in self.manager.brokers:
                assert broker.connect(PATIENCE_S)
        parts = EngineParts(
            emitter=self.emitter,
            manager=self.manager,
            ledger=self.ledger,
            gate=self.gate,
            announcer=_Silent(),  # type: ignore[arg-type]
            clock=self.clock,
            max_user_risk=lambda: Decimal("0.10"),
        )
        self.engine = CopyTradeEngine(parts)
        self.made.append(self.engine)
        self._next_tick_ns = self.clock.monotonic_ns()
        self.ticks = True
        return self

    def _entry(self, account: AccountId, enabled: bool = True) -> UserSettings:
        independent = account in self.independent
        entry = {"user_id": account.name, "venue": "kraken", "independent": independent, "enabled": enabled}
        return UserSettings.model_validate(entry)

    def enable(self, account: AccountId, enabled: bool) -> None:
        """The users file of a running process says so from now on."""
        self.manager.replace_user(self._entry(account, enabled))

    def _is_disabled(self, account: AccountId) -> bool:
        entry = self.manager.user(account)
        return entry is not None and not entry.user.enabled

    def restart(self, away_s: float = 0.0) -> int:
        """The process ends at this moment and a new one recovers; how many orders were open."""
        self.write()
        self.clock.advance(away_s)
        self.start()
        orders = self.engine.recover()
        self.work()
        return orders

    def close(self) -> None:
        for engine in self.made:
            engine._second_sender.shutdown()
        assert self.ledger.close(PATIENCE_S)

    def _broker(self, account: AccountId, kind: type[ManualLane]) -> ScriptedBroker:
        def make_lane(name: str) -> ManualLane:
            self.lanes.append(kind(name, self.clock))
            return self.lanes[-1]

        fakes = FakePorts(_Silent(), make_lane)
        fakes.clock, fakes.trace = self.clock, self.trace
        fakes.gate, fakes.journal, fakes.sink = self.gate, self.ledger, self.emitter  # type: ignore[assignment]
        broker = TownBroker(account, fakes, BrokerOptions(fill_wait_s=0.0))
        broker.venues, broker.fee_rate = self.venues, Decimal(0)
        broker.provable_after_s = PROVABLE_S
        start = {"USD": Decimal(10_000 if account == MASTER else 1_000)}
        broker.booked = self.venues.booked.setdefault(account, start)
        self.brokers[account] = broker
        return broker

    # -- what happens --------------------------------------------------------------------------------------------

    def work(self) -> None:
        """Everything that can be done at this moment is done."""
        pass_time(self._clocked(), self.lanes, 0.0, self._tick)

    def pass_time(self, seconds: float) -> None:
        """Time goes on, in steps of what is due and of half a second."""
        end = self.clock.monotonic_ns() + int(seconds * 1e9)
        while (now := self.clock.monotonic_ns()) < end:
            pass_time(self._clocked(), self.lanes, min(_TICK_S, (end - now) / 1e9), self._tick)

    def _clocked(self) -> Any:
        return self.brokers[MASTER].fakes

    def _tick(self) -> int:
        done = 0
        if self.ticks and self.clock.monotonic_ns() >= self._next_tick_ns:
            self._next_tick_ns = self.clock.monotonic_ns() + int(_TICK_S * 1e9)
            self.gate.refresh()
            done = self.engine.release_waiting()
        while (item := self.emitter.get_signal(timeout=0)) is not None:
            if isinstance(item, TradeSignal):
                done += self.engine.copy(item) is not None
        return done

    def trade(self, side: str, quantity: Any, unit: str = "base") -> OrderResult:
        """A trade of the master, copied as far as it can be at this moment."""
        result = self.brokers[MASTER].place_market_order("BTC-USD", side, quantity, unit)
        self.work()
        return result

    def copy(self, signal: TradeSignal) -> None:
        """A signal from elsewhere."""
        self.engine.copy(signal)
        self.work()

    def planned(self, state: OrderState, signal: TradeSignal = ENTRY) -> MarketOrder:
        """An earlier process planned tania's copy of a signal and came so far with it."""
        desk = Desk(ledger=self.ledger)
        first = OrderState.PLANNED if state is OrderState.PLANNED else OrderState.SUBMITTING
        order = desk.order(desk.plan(signal, desk.copy_of(signal, state=first)))
        if state is not first:
            desk.write(order, state)
        return order

    def lose(self, account: AccountId, placed: bool) -> None:
        """The answer to the account's next order is lost."""

        def answer(order: MarketOrder) -> None:
            if placed:
                self.venues.take(order)
            raise LOST

        self.brokers[account].submits.append(answer)

    # -- what became of it ---------------------------------------------------------------------------------------

    def sent(self, account: AccountId) -> list[MarketOrder]:
        """What reached the wire in this process, in order."""
        return [order for order in self.trace.of("venue.submit") if order.account == account]

    def write(self) -> None:
        assert self.ledger.flush(PATIENCE_S)

    def rows(self, account: AccountId = TANIA) -> list[CopyRow]:
        """The account's copies, oldest first."""
        self.write()
        rows = [row for row in self.ledger.views.recent_copies(100) if row.account == account]
        return sorted(rows, key=lambda row: (row.planned_at, row.leg))

    def states(self, account: AccountId = TANIA) -> list[OrderState]:
        return [row.state for row in self.rows(account)]

    def copied(self, account: AccountId = TANIA) -> Decimal:
        """Coins that copying bought, as the running process has them."""
        return self.engine._coins.confirmed(account, "BTC-USD")

    def at_the_venue(self, account: AccountId = TANIA) -> Decimal:
        return self.venues.booked[account].get("BTC", Decimal(0))
