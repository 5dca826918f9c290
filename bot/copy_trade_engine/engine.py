"""The thread that takes signals and sends the copies."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bot.broker_manager import UserBroker
from bot.copy_trade_engine.foretold import EXPECT_WITHIN_S, Conditions, ForetoldFlight
from bot.copy_trade_engine.parts import EngineParts
from bot.copying.coins import CopiedCoins
from bot.copying.flight import Flight
from bot.copying.guards import Follower
from bot.copying.later import LaterOrders, LaterParts
from bot.copying.parts import OrderSoFar
from bot.copying.plan import PlanRules, order_of, plan_copies
from bot.copying.records import EngineCounters, RunRecords
from bot.copying.resync import Correction
from bot.copying.run import SignalRun
from bot.domain.enums import OrderState, Side
from bot.domain.errors import LedgerUnavailable
from bot.domain.ids import AccountId, SignalId
from bot.domain.orders import Refused
from bot.domain.signals import CopyTradeResult, PlannedCopy, TradeSignal
from bot.ledger.outcomes import code_of
from bot.runtime import crash
from bot.runtime.service import Service
from bot.trade_signal_emitter import ExpectedSignal

_log = logging.getLogger("nija.engine")

#: Pause before a plan is tried again that the ledger did not take.
_LEDGER_PAUSE_S = 1.0
#: Seconds that new signals wait for the orders of an earlier process to be known.
_RECOVERY_WITHIN_S = 60.0
_RECOVERY_POLL_S = 0.1


class CopyTradeEngine(Service):
    """The background thread between the signal queue and the users' lanes.

    Args:
        parts: what it works with.
        observe_only: write what would be done, place nothing, whatever the operator's switch says.
    """

    def __init__(self, parts: EngineParts, observe_only: bool = False) -> None:
        super().__init__("copy engine")
        self._observe_always = observe_only
        self._parts = parts
        self._coins = CopiedCoins(parts.ledger.copied_coins())
        self._second_sender = ThreadPoolExecutor(1, thread_name_prefix="second sender")
        self._recovered = False
        self._rotation = 0
        self._beat_ns = parts.clock.monotonic_ns()
        # When the master last made an order that sold a symbol.
        self._sold_ns: dict[tuple[AccountId, str], int] = {}
        self._records = RunRecords(parts.clock)
        self._later = LaterOrders(self._later_parts())
        self._foretold = ForetoldFlight(lambda: self._later.launched, parts.clock.monotonic_ns)

    def _later_parts(self) -> LaterParts:
        parts = self._parts
        return LaterParts(
            ledger=parts.ledger,
            manager=parts.manager,
            coins=self._coins,
            clock=parts.clock,
            max_signal_age_s=parts.max_signal_age_s,
            gate=parts.gate,
            observing=lambda: self.observe_only,
            second_sender=self._second_sender,
            emit=parts.emitter.emit,
            answered=self._copy_answered,
            taken_up=lambda run: self._records.add(run, is_new=False),
            done=self._run_done,
        )

    @property
    def observe_only(self) -> bool:
        """Whether copies are only written down now: by the environment, or by the operator's switch."""
        return self._observe_always or self._parts.gate.observing is not None

    def start(self) -> None:
        """Begin to take signals."""
        super().start()
        self._parts.announcer.engine_started(self.observe_only)

    def stop(self) -> None:
        """Ask to end after the signal at hand."""
        super().stop()
        self._parts.emitter.wake()

    def _run(self) -> None:
        try:
            # Once: to a thread that is started again after it died, the open orders are its own.
            if not self._recovered:
                self._recover_first()
            while not self._stop.is_set():
                self._beat()
                self._handle(self._parts.emitter.get_signal(timeout=EXPECT_WITHIN_S))
        finally:
            self._foretold.drop()
            if self._stop.is_set():
                self._second_sender.shutdown()

    @property
    def heartbeat_age_s(self) -> float:
        """Seconds since the loop last went round, or tried again what it waits for; about one at most."""
        return (self._parts.clock.monotonic_ns() - self._beat_ns) / 1e9

    def _beat(self) -> None:
        self._beat_ns = self._parts.clock.monotonic_ns()

    def _handle(self, item: TradeSignal | ExpectedSignal | None) -> None:
        try:
            if isinstance(item, TradeSignal):
                self.copy(item)
                return
            self._foretold.drop()
            if item is not None and item.signal is not None:
                self._make_ready(item.signal)
        except Exception:
            # One signal that cannot be copied must not end the copying of all that follow.
            _log.exception("a signal could not be copied: %s", item)

    # -- what does not leave with its plan ----------------------------------------------------------------------------

    def recover(self) -> int:
        """Take up what an earlier process left open; returns at once, the accounts go on with it.

        Returns:
            How many orders were open.

        Raises:
            LedgerUnavailable: they are not known, or could not be written.
        """
        return self._later.recover()

    def _recover_first(self) -> None:
        while not self._stop.is_set():
            self._beat()
            try:
                orders = self.recover()
                self._recovered = True
                break
            except LedgerUnavailable as error:
                _log.critical("❌ nothing is copied yet, what is open is not known: %s", error)
                self._stop.wait(_LEDGER_PAUSE_S)
        else:
            return
        if not orders:
            return
        self._parts.announcer.recovering(orders)
        until_ns = self._parts.clock.monotonic_ns() + int(_RECOVERY_WITHIN_S * 1e9)
        while not self._later.recovered and self._parts.clock.monotonic_ns() < until_ns:
            self._beat()
            if self._stop.wait(_RECOVERY_POLL_S):
                return
        self._parts.announcer.recovered(orders, self._later.recovered)

    def release_waiting(self) -> int:
        """Send the orders that may leave now, end the entries that became too old; called several times a second.

        Returns:
            How many left now.
        """
        return self._later.release()

    def correct(self, decide: Callable[[], Correction | Refused]) -> SignalRun | Refused:
        """Bring a user's copied coins to what they should be: decide, commit and send one order, while no exit is
        planned.

        Args:
            decide: looks at the ledger as it is now; quick.

        Returns:
            Its run; or why there is none.

        Raises:
            LedgerUnavailable: nothing was committed, and nothing was sent.
        """
        run = self._later.correct(decide)
        if isinstance(run, SignalRun):
            self._records.add(run, is_new=False)
        return run

    # -- one signal ----------------------------------------------------------------------------------------------

    def copy(self, signal: TradeSignal) -> SignalRun | None:
        """Copy one signal to every follower; returns as soon as all orders are on their way.

        Returns:
            The signal's run; None when the signal was copied before, or the engine stops before it could be.
        """
        with self._later.closing(signal):
            flight = self._commit_and_send(signal)
        if flight is None:
            return None
        run, announcer = flight.run, self._parts.announcer
        if not signal.is_entry:
            place = (signal.master_account, signal.symbol)
            # An exit of an earlier process has no such moment.
            self._sold_ns[place] = max(signal.made_ns, self._sold_ns.get(place, 0))
        self._records.add(run, is_new=True)
        announcer.received(signal)
        for copy in flight.plan:
            self._announce_planned(copy)
            order = order_of(copy, signal)
            if order is not None and copy.state is OrderState.PLANNED:
                self._later.wait(order, run)
        if not flight.plan:
            _log.warning("nobody follows %s; the signal is recorded without copies", signal.master_account)
        return run

    def _conditions(self) -> Conditions:
        parts = self._parts
        switches = parts.gate.now()
        return Conditions(switches, self._observe_always or switches.observing is not None, parts.manager.users)

    def _new_flight(self, signal: TradeSignal, conditions: Conditions) -> Flight:
        parts = self._parts
        followers = self._rotated(parts.manager.followers_of(signal.master_account))
        plan = plan_copies(signal, followers, self._coins, self._rules(signal, conditions), self._so_far(signal))
        run = self._later.run_of(signal, plan)
        return Flight(plan, run, parts.manager, self._coins, self._second_sender)

    def _so_far(self, signal: TradeSignal) -> OrderSoFar | None:
        if not signal.filled_before:
            return None
        return OrderSoFar(self._parts.ledger.copies_of_order(signal.master_account, signal.order_id))

    def _make_ready(self, signal: TradeSignal) -> None:
        conditions = self._conditions()
        if conditions.switches.stopped is None and not conditions.observe_only:
            self._foretold.make_ready(lambda: self._new_flight(signal, conditions), conditions)

    def _commit_and_send(self, signal: TradeSignal) -> Flight | None:
        conditions = self._conditions()
        flight = self._foretold.take(signal, conditions)
        while True:
            self._beat()
            try:
                flight = flight or self._new_flight(signal, conditions)
                if self._try_to_send(flight, conditions):
                    return flight
            except LedgerUnavailable as error:
                self._parts.announcer.plan_not_committed(signal, str(error))
                if self._stop.wait(_LEDGER_PAUSE_S):
                    return None
                flight, conditions = None, self._conditions()
                continue
            _log.warning("signal %s is not copied: it was before, or its order stands elsewhere", signal.signal_id)
            self._records.known_before(signal.signal_id)
            return None

    def _try_to_send(self, flight: Flight, conditions: Conditions) -> bool:
        recorded = False
        try:
            committed = self._parts.ledger.begin_plan(flight.run.signal, flight.plan, conditions.observe_only)
            if not flight.prepared:
                # Signed while the disk is waited for; nothing leaves before the plan is committed.
                flight.prepare()
            recorded = committed.result()
        finally:
            if not recorded:
                flight.take_back()
        if recorded:
            crash.reached("plan committed")
            if not self._held_back(flight, conditions):
                flight.send()
            flight.run.begin()
        return recorded

    def _held_back(self, flight: Flight, conditions: Conditions) -> bool:
        """Whether it waits: a switch may have been set while the commit was waited for, which can take seconds."""
        try:
            return self._conditions() != conditions and self._later.hold_barred(flight)
        except BaseException:
            # Its lanes must not stay taken; what the ledger has of it is settled at the next start, as after a crash.
            flight.take_back()
            raise

    def _rotated(self, followers: list[UserBroker]) -> list[Follower]:
        # A different user leads each time, so that nobody is always last.
        turn = self._rotation % len(followers) if followers else 0
        self._rotation += 1
        return [Follower(entry.user, entry.broker) for entry in followers[turn:] + followers[:turn]]

    def _overtaken(self, signal: TradeSignal) -> bool:
        """Whether an entry whose order was in doubt, or of an earlier process, comes after the exit of its coins."""
        if not signal.is_entry:
            return False
        if signal.made_ns:
            return signal.made_ns < self._sold_ns.get((signal.master_account, signal.symbol), 0)
        return self._sold_after(signal)

    def _sold_after(self, signal: TradeSignal) -> bool:
        try:
            exits = self._parts.ledger.views.exits_of(signal.master_account, signal.symbol, signal.timestamp)
        except LedgerUnavailable:
            return True  # an entry may be dropped
        return bool(exits)

    def _rules(self, signal: TradeSignal, conditions: Conditions) -> PlanRules:
        parts = self._parts
        now = parts.clock.time()
        return PlanRules(
            stopped=conditions.switches.stopped,
            observe_only=conditions.observe_only,
            max_user_risk=parts.max_user_risk(),
            now=now,
            max_signal_age_s=parts.max_signal_age_s,
            deadline=now + parts.deadline_s,
            sold_since=self._overtaken(signal),
            pauses=conditions.switches.pauses,
        )

    # -- what became of it ---------------------------------------------------------------------------------------

    def wait_for(self, signal_id: SignalId, timeout_s: float) -> SignalRun | None:
        """The run of a signal, once no copy of it is on its way any more.

        Returns:
            None when the signal did not reach the engine in time, or an earlier process copied it; the run as it stands
            when it only is not done.
        """
        return self._records.wait_for(signal_id, timeout_s)

    @property
    def counters(self) -> EngineCounters:
        """Counts since the start."""
        return self._records.counters

    def _announce_planned(self, copy: PlannedCopy) -> None:
        if copy.state is OrderState.SUBMITTING:
            self._parts.announcer.copying(copy.account.name)
            return
        self._records.skipped(copy.decision.code if isinstance(copy.decision, Refused) else copy.state.lower())
        self._parts.announcer.not_copying(copy)

    def _copy_answered(self, result: CopyTradeResult) -> None:
        if result.state is OrderState.SKIPPED and result.side is Side.BUY:
            # It waited, and the operator wants no entries of this account any more.
            self._records.skipped(code_of(result.reason))
        else:
            self._records.answered(result)
        self._parts.announcer.copy_ended(result)

    def _run_done(self, run: SignalRun) -> None:
        self._parts.announcer.summary(run.signal, run.results)
