"""Orders that do not leave with their plan: waiting ones, further attempts and legs, those of an earlier process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from bot.broker_manager import BaseBroker, BrokerManager
from bot.copying.coins import CopiedCoins
from bot.copying.drift import Drift
from bot.copying.flight import Flight
from bot.copying.kill_switch import KillSwitchGate
from bot.copying.legs import FurtherLegs
from bot.copying.plan import order_of
from bot.copying.recovery import Recovery, RecoveryParts
from bot.copying.resync import Correction, Corrections, SendingParts
from bot.copying.run import RunHearers, SignalRun
from bot.copying.waiting import WaitingOrders, WaitingParts
from bot.domain.enums import OrderState
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId, client_order_id_of
from bot.domain.instruments import Instrument
from bot.domain.orders import MarketOrder, OrderReport, Refused, is_master
from bot.domain.outcomes import Rejected
from bot.domain.ports import Clock
from bot.domain.signals import CopyTradeResult, PlannedCopy, TradeSignal
from bot.ledger.journal import Ledger

_log = logging.getLogger("nija.engine")

#: Seconds until a further leg of an exit leaves; doubled with each, up to the longest.
_LEG_PAUSE_S, _LONGEST_LEG_PAUSE_S = 0.5, 60.0


@dataclass(frozen=True, slots=True)
class LaterParts:
    """What they need.

    Attributes:
        gate: what the operator and the environment keep from trading.
        observing: whether copies are only written down now.
        second_sender: one more thread to send from.
        emit: takes the signals of master orders that never became one.
        answered: told of each copy's result.
        taken_up: told of each run that an earlier process began.
        done: told of each run of which no copy is on its way any more.
    """

    ledger: Ledger
    manager: BrokerManager
    coins: CopiedCoins
    clock: Clock
    max_signal_age_s: float
    gate: KillSwitchGate
    observing: Callable[[], bool]
    second_sender: Executor
    emit: Callable[[TradeSignal], object]
    answered: Callable[[CopyTradeResult], None]
    taken_up: Callable[[SignalRun], None]
    done: Callable[[SignalRun], None]


class LaterOrders:
    """Hears what becomes of every order, and lets leave later what has to."""

    def __init__(self, parts: LaterParts) -> None:
        self._parts = parts
        self._waiting = WaitingOrders(self._waiting_parts())
        self._legs = FurtherLegs(parts.ledger, self._instrument_of, self._begin_leg)
        self._drift = Drift(parts.ledger, parts.coins, parts.clock, self._user_brokers)
        self._recovery = Recovery(
            RecoveryParts(
                parts.ledger, parts.manager, parts.coins, parts.clock, self._taken_up_run, parts.emit, self._legs
            )
        )
        self._hearers = RunHearers(
            answered=parts.answered,
            waits=self._waiting.hold,
            absent=self._absent,
            bought_late=self._legs.add_late_buy,
            sold_partly=self._sold_partly,
            done=parts.done,
        )
        self._corrections = Corrections(
            SendingParts(
                parts.ledger,
                self._waiting,
                lambda signal, copies, hearers: SignalRun(signal, copies, parts.coins, hearers),
                self._hearers,
                self._launch,
            )
        )

    def run_of(self, signal: TradeSignal, copies: Sequence[PlannedCopy]) -> SignalRun:
        """A run whose orders are heard here."""
        return SignalRun(signal, copies, self._parts.coins, self._hearers)

    def recover(self) -> int:
        """Take up what an earlier process left open; returns at once, the accounts go on with it.

        Returns:
            How many orders were open.

        Raises:
            LedgerUnavailable: they are not known, or could not be written.
        """
        return self._recovery.begin()

    @property
    def recovered(self) -> bool:
        """Whether all that was taken up is known, but for the accounts that do not answer."""
        return self._recovery.done

    def release(self) -> int:
        """Send the orders that may leave now, end the entries that became too old; called several times a second.

        Returns:
            How many left now.
        """
        self._legs.plan()
        self._drift.look()
        return self._waiting.release()

    def correct(self, decide: Callable[[], Correction | Refused]) -> SignalRun | Refused:
        """Decide, commit and send one correction, while no exit is planned.

        Raises:
            LedgerUnavailable: nothing was committed, and nothing was sent.
        """
        return self._corrections.send(lambda: self._unless_barred(decide()))

    def hold_barred(self, flight: Flight) -> bool:
        """Take back a committed flight that the operator does not want any more; its orders wait until they may leave.

        Returns:
            False when every order of it may leave: nothing was done.
        """
        planned = [(copy, order_of(copy, flight.run.signal)) for copy in flight.plan]
        orders = [one for copy, one in planned if one is not None and copy.state is OrderState.SUBMITTING]
        reasons = {one.client_order_id: self._barred(one) for one in orders}
        if not any(reasons.values()):
            return False
        flight.take_back()
        for order in orders:
            barred = reasons[order.client_order_id]
            why = Rejected(f"waiting: {barred}" if barred else "waiting for its turn", sent=False, not_now=True)
            self._parts.ledger.answered(order, why, OrderState.PLANNED)
            flight.run.answered(order, why, OrderState.PLANNED, self._parts.clock.monotonic_ns())
            flight.run.settled(order, None, OrderState.PLANNED)
        return True

    def _barred(self, order: MarketOrder) -> Refused | None:
        if self._parts.observing():
            return Refused("observe mode", "nothing is traded")
        return self._parts.gate.check(order.account, order.symbol, order.side)

    def _unless_barred(self, decided: Correction | Refused) -> Correction | Refused:
        refused = self._barred(decided.order) if isinstance(decided, Correction) else None
        return refused or decided

    def _stopped(self) -> str | None:
        return "observe mode" if self._parts.observing() else self._parts.gate.reason()

    @property
    def launched(self) -> int:
        """How many orders left from here since the start."""
        return self._waiting.launched

    def closing(self, signal: TradeSignal) -> AbstractContextManager[None]:
        """Around the plan of a signal: beside an exit no waiting entry of its symbol leaves, and none ever after."""
        return nullcontext() if signal.is_entry else self._waiting.closing(signal)

    def wait(self, order: MarketOrder, run: SignalRun) -> None:
        """Keep a planned order until it may leave; the exit of an old signal is asked for at its venue first."""
        if run.signal.is_entry or self._age(run.signal) <= self._parts.max_signal_age_s:
            self._waiting.hold(order, run)
            return
        try:
            self._parts.coins.open(order)
            run.resume(order)
            self._recovery.ask_for(order, run, OrderState.PLANNED)
        except LedgerUnavailable as error:
            # The row says that it waits, and the next start takes it up.
            _log.error("the exit of %s in %s is not asked for: %s", order.account, order.symbol, error)

    def _waiting_parts(self) -> WaitingParts:
        parts = self._parts
        return WaitingParts(
            ledger=parts.ledger,
            coins=parts.coins,
            clock=parts.clock,
            broker_of=parts.manager.broker,
            stopped=self._stopped,
            entries_stopped=parts.gate.refuse_entries,
            launch=self._launch,
            sold_since=self._sold_since,
            max_signal_age_s=parts.max_signal_age_s,
        )

    def _launch(self, order: MarketOrder, run: SignalRun) -> None:
        flight = Flight([], run, self._parts.manager, self._parts.coins, self._parts.second_sender)
        flight.prepare_one(order)
        flight.send()

    def _absent(self, order: MarketOrder, run: SignalRun) -> bool:
        signal = run.signal
        if signal.is_entry and (self._age(signal) > self._parts.max_signal_age_s or self._sold_since(signal)):
            return False
        again = self._next_attempt(order, signal)
        if signal.is_entry:
            self._parts.coins.close(order, None)
        else:
            self._parts.coins.rename(order, again)
        self._waiting.hold(again, run, before=order)
        return True

    def _next_attempt(self, order: MarketOrder, signal: TradeSignal) -> MarketOrder:
        attempt, name = order.attempt + 1, order.client_order_id
        broker = self._parts.manager.broker(order.account)
        if broker is None or not broker.names_are_unique_for_good:
            name = client_order_id_of(signal.signal_id, order.account, order.leg, attempt)
        return replace(order, client_order_id=name, attempt=attempt)

    def _sold_since(self, signal: TradeSignal) -> bool:
        if not is_master(signal.master_account):
            return True  # a correction leaves at once or not at all: what it was computed from has changed
        try:
            return bool(self._parts.ledger.views.exits_after(signal.signal_id))
        except LedgerUnavailable:
            return True  # an entry may be dropped

    def _age(self, signal: TradeSignal) -> float:
        return self._parts.clock.time() - signal.timestamp

    def _instrument_of(self, account: AccountId, symbol: str) -> Instrument | None:
        broker = self._parts.manager.broker(account)
        return broker.instrument(symbol) if broker else None

    def _user_brokers(self) -> list[BaseBroker]:
        return [entry.broker for entry in self._parts.manager.users]

    def _taken_up_run(self, signal: TradeSignal, copies: Sequence[PlannedCopy]) -> SignalRun:
        run = self.run_of(signal, copies)
        self._parts.taken_up(run)
        return run

    def _begin_leg(self, signal: TradeSignal, copy: PlannedCopy, order: MarketOrder) -> None:
        # A venue that cancels again and again is asked more and more rarely.
        pause_s = min(_LEG_PAUSE_S * 2 ** (copy.leg - 2), _LONGEST_LEG_PAUSE_S)
        self._waiting.hold(order, self.run_of(signal, [copy]), pause_s=pause_s)

    def _sold_partly(self, order: MarketOrder, report: OrderReport, run: SignalRun) -> None:
        self._legs.add_rest(order, report, run.signal.signal_id)
