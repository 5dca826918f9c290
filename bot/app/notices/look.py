"""The state of the running bot, compared second by second with what it was."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.app.notices.accounts import AccountNotices
from bot.app.notices.daily import DailySummary
from bot.domain.errors import LedgerUnavailable
from bot.domain.events import EventKind
from bot.domain.ids import AccountId
from bot.domain.ports import Clock
from bot.ledger.switches import KillSwitch
from bot.reporting.events import EventHub
from bot.reporting.live import LiveSystem, SystemState
from bot.reporting.notify.texts import clock_time
from bot.reporting.telling import EventTeller
from bot.runtime.service import Ticker

_log = logging.getLogger("nija.notices")

_EVERY_S = 1.0
#: Seconds without a round of the engine's loop after which it counts as stopped.
HEARTBEAT_S = 10.0
#: Nanoseconds for which engine or ledger have to fail: a thread that died is started again within a second.
_CERTAIN_AFTER_NS = 3 * 10**9
#: The engine, as the supervisor counts its restarts.
_ENGINE = "copy engine"
_OBSERVE_ON = "Observe mode is ON: signals are recorded, no copy is placed"
_OBSERVE_OFF = "Observe mode is off: signals are copied again"


@dataclass
class _Trouble:
    """Something that fails or does not: told once it stands, and once it is over."""

    since: float = 0.0
    since_ns: int | None = None
    told: bool = False


class Notices(Ticker):
    """Tells of engine, accounts, ledger, switches and the day. Looks every second; to be started last.

    Args:
        live: asked for the state.
        events: told.
        teller: its gathered events are looked after.
        left_out: accounts that could not even be made, and why.
        kill_switch: who set it, and when; asked when trading stops.
        daily: None for no summary.
    """

    def __init__(
        self,
        live: LiveSystem,
        events: EventHub,
        clock: Clock,
        teller: EventTeller,
        left_out: Callable[[], Mapping[AccountId, str]] = dict,
        kill_switch: Callable[[], KillSwitch | None] = lambda: None,
        daily: DailySummary | None = None,
    ) -> None:
        super().__init__("notices", self.look, _EVERY_S)
        self._live, self._events, self._clock, self._teller = live, events, clock, teller
        self._left_out, self._kill_switch, self._daily = left_out, kill_switch, daily
        self._accounts = AccountNotices(events)
        self._engine, self._ledger = _Trouble(), _Trouble()
        self._before: SystemState | None = None
        self._told_the_end = False
        # Drift is told in the thread that compares.
        self._drift_lock = threading.Lock()
        self._drifting: dict[tuple[AccountId, str], str] = {}
        self._new_drift: dict[tuple[AccountId, str], None] = {}

    def look(self) -> None:
        """Compare, and tell what changed."""
        state, now, now_ns = self._live.state(), self._clock.time(), self._clock.monotonic_ns()
        if self._before is None:
            self._tell_started(state, now, now_ns)
        else:
            self._tell_engine(state, self._before)
            self._tell_ledger(state)
            self._tell_switches(state, self._before)
            self._accounts.look(state.accounts, now, now_ns)
        self._before = state
        self._tell_drift()
        self._teller.look()
        if self._daily is not None:
            with self._drift_lock:
                drift = sorted(self._drifting.values())
            self._daily.tell_if_due(self._events, state, self._accounts.lost, drift)

    def drifted(self, account: AccountId, symbol: str, line: str) -> None:
        """An account is out of step with its master, and how; an empty line: it is in step again."""
        place = (account, symbol)
        with self._drift_lock:
            if line:
                self._drifting[place] = line
                self._new_drift[place] = None
            else:
                self._drifting.pop(place, None)
                self._new_drift.pop(place, None)

    def stopping(self) -> None:
        """Whatever happens from now on happens because the bot ends; tells that it does."""
        self.stop()
        if self._before is not None and not self._told_the_end:
            self._told_the_end = True
            text = "The bot ends: no trade is copied until it runs again"
            self._events.tell(EventKind.STOPPED, text, detail="To start it: python bot.py run")

    # -- what is told --------------------------------------------------------------------------------------------

    def _tell_started(self, state: SystemState, now: float, now_ns: int) -> None:
        missing = [f"{account}: {reason}" for account, reason in self._left_out().items()]
        missing += self._accounts.begin(state.accounts, now, now_ns)
        total = len(state.accounts) + len(self._left_out())
        text = f"The bot runs, {total - len(missing)} of {total} accounts are connected"
        if state.stopped is not None:
            text += f"; trading is STOPPED: {state.stopped}"
        elif state.engine.observing:
            text += "; observe mode: nothing is copied"
        lines = [f"not connected: {line}" for line in missing]
        self._events.tell(EventKind.STARTED, text, serious=bool(missing), detail="\n".join(lines))

    def _tell_engine(self, state: SystemState, before: SystemState) -> None:
        engine = state.engine
        fails = not engine.alive or engine.heartbeat_age_s > HEARTBEAT_S
        change = self._changed(self._engine, fails)
        since = clock_time(self._engine.since)
        if change is True:
            how = f"has not moved for {engine.heartbeat_age_s:.0f} s" if engine.alive else "is not running"
            text = f"The copy engine {how}: NOTHING is copied, {engine.waiting} signals wait (since {since})"
            detail = "python bot.py status\nIf it does not come back within a minute, restart the bot."
            self._events.tell(EventKind.ENGINE_STOPPED, text, serious=True, detail=detail)
        elif change is False:
            self._events.tell(EventKind.ENGINE_STOPPED, f"The copy engine runs again; it had stopped at {since}")
        elif state.restarts.get(_ENGINE, 0) > before.restarts.get(_ENGINE, 0):
            text = "The copy engine died and was started again; the log says why"
            self._events.tell(EventKind.ENGINE_STOPPED, text)

    def _tell_ledger(self, state: SystemState) -> None:
        change = self._changed(self._ledger, bool(state.ledger_error))
        since = clock_time(self._ledger.since)
        if change is True:
            text = f"The ledger cannot be written since {since}, so NOTHING is traded: {state.ledger_error}"
            detail = "Look at the disk's free space and rights, or at the database; then: python bot.py status"
            self._events.tell(EventKind.LEDGER_FAILED, text, serious=True, detail=detail)
        elif change is False:
            self._events.tell(EventKind.LEDGER_FAILED, f"The ledger is written again; it had failed at {since}")

    def _changed(self, trouble: _Trouble, fails: bool) -> bool | None:
        """True once it fails for certain, False once that is over, None else."""
        if not fails:
            over, trouble.told, trouble.since_ns = trouble.told, False, None
            return False if over else None
        now_ns = self._clock.monotonic_ns()
        if trouble.since_ns is None:
            trouble.since, trouble.since_ns = self._clock.time(), now_ns
        if trouble.told or now_ns - trouble.since_ns < _CERTAIN_AFTER_NS:
            return None
        trouble.told = True
        return True

    def _tell_switches(self, state: SystemState, before: SystemState) -> None:
        if state.stopped is not None and before.stopped is None:
            text = f"The kill switch is ON{self._by_whom()}: {state.stopped}"
            detail = "No order leaves. To go on: python bot.py resume"
            self._events.tell(EventKind.KILL_SWITCH, text, serious=True, detail=detail)
        elif state.stopped is None and before.stopped is not None:
            text = f"The kill switch is lifted; it was on because: {before.stopped}"
            self._events.tell(EventKind.KILL_SWITCH, text)
        if state.engine.alive and before.engine.alive and state.engine.observing != before.engine.observing:
            text = _OBSERVE_ON if state.engine.observing else _OBSERVE_OFF
            self._events.tell(EventKind.KILL_SWITCH, text, serious=state.engine.observing)

    def _by_whom(self) -> str:
        try:
            switch = self._kill_switch()
        except LedgerUnavailable as error:
            _log.warning("who set the kill switch cannot be read: %s", error)
            return ""
        return f", set by {switch.set_by} at {clock_time(switch.set_at)}" if switch else ""

    def _tell_drift(self) -> None:
        with self._drift_lock:
            places, self._new_drift = list(self._new_drift), {}
            lines = [self._drifting[place] for place in places]
        if len(lines) == 1:
            self._events.tell(EventKind.DRIFT, lines[0], account=places[0][0])
        elif lines:
            names = sorted({str(account) for account, _ in places})
            text = f"{len(names)} accounts are out of step with their masters: {', '.join(names[:8])}"
            self._events.tell(EventKind.DRIFT, text, detail="\n".join([*lines[:6], *["..."] * (len(lines) > 6)]))
