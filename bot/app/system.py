"""Builds every part once, starts them in order, stops them in the opposite one."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from filelock import FileLock, Timeout

from bot.app.check import LedgerChecks
from bot.app.commands import CommandDesk, Handler, OperatorSwitches, resume_user
from bot.app.folder import make_data_folder, unusable
from bot.app.house import HouseParts, OperatorsHouse
from bot.app.live import LiveState
from bot.app.live_users import LiveUsers, LiveUsersParts, left_behind
from bot.app.resync import DriftTeller, ResyncDesk, ResyncParts, ResyncWatch
from bot.app.trades import MasterTrades
from bot.app.trading import make_trader
from bot.app.venues import MarketKeeper, Venues, make_brokers
from bot.app.watching import make_watches
from bot.broker_manager import BaseBroker, BrokerManager, BrokerPorts
from bot.copy_trade_engine import CopyTradeEngine, EngineParts
from bot.copying.kill_switch import KillSwitchGate
from bot.domain.errors import AccountInUse, SettingsError
from bot.domain.ids import AccountId
from bot.domain.money import MINIMUM_FUNDED_BALANCE
from bot.ledger.commands import Kinds
from bot.ledger.entry import ledger_url
from bot.ledger.journal import Ledger
from bot.master_watcher import MasterWatch
from bot.reporting.events import EventHub
from bot.reporting.lines import LogAnnouncer
from bot.reporting.listening import Announcements
from bot.runtime import crash
from bot.runtime.clock import MarketClock, SystemClock
from bot.runtime.service import Service, Ticker, stop_all
from bot.runtime.supervisor import Supervisor
from bot.settings.env import Settings
from bot.settings.redaction import Redactor
from bot.trade_signal_emitter import TradeSignalEmitter, get_signal_emitter

_log = logging.getLogger("nija.system")

#: Seconds an account may take to connect at start.
_CONNECT_TIMEOUT_S = 20.0
#: A switch set elsewhere must be obeyed within a second.
_SWITCH_POLL_S = 0.25
_COMMAND_POLL_S = 0.25
_WAITING_POLL_S = 0.5
_ACCOUNTS_POLL_S = 5.0
_RECONNECT_S = 15.0
_RESYNC_POLL_S = 5.0
#: Seconds that a venue may take to tell the price of a correction.
_PRICE_WITHIN_S = 5.0

#: Told, while accounts connect: how many are through, of how many.
ConnectProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class FrontDoorSwitches:
    """Read at the moment of an order, wherever they are written.

    Attributes:
        system_disabled: True stops all trading.
        max_user_risk: share of a user's balance that one entry may use.
    """

    system_disabled: Callable[[], bool]
    max_user_risk: Callable[[], Decimal]


class CopyTradingSystem(MasterTrades):
    """Masters, users, engine and ledger of one process.

    Args:
        settings: everything the operator set.
        switches: the front door's two, as callables.
        emitter: where masters' signals go; the process's own when None.
        unattended: strategies trade and masters are watched, as the settings say; else it copies what it is told.
        market_clock: the one that candles open and close by; the machine's when None.
        redactor: masks secrets in what leaves by the page and the audit log; told of keys that come later.

    Raises:
        SettingsError: a setting of the page or of notifications cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        switches: FrontDoorSwitches,
        emitter: TradeSignalEmitter | None = None,
        *,
        unattended: bool = False,
        market_clock: MarketClock | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        clock = SystemClock()
        announcer = Announcements(LogAnnouncer())
        super().__init__(BrokerManager(), emitter or get_signal_emitter(), announcer, EventHub(clock))
        self.settings = settings
        environment = settings.environment
        self.ledger = Ledger(ledger_url(environment.ledger_url, environment.nija_data_dir), clock)
        self.gate = KillSwitchGate(
            environment.system_disabled, switches.system_disabled, self.ledger, self._is_disabled
        )
        self._ports = BrokerPorts(self.gate, self.ledger, self.emitter, self.announcer, clock)
        self._lock = FileLock(environment.nija_data_dir / "bot.lock")
        self._parts = EngineParts(
            self.emitter,
            self.manager,
            self.ledger,
            self.gate,
            self.announcer,
            clock,
            switches.max_user_risk,
            environment.max_signal_age_s,
            environment.order_deadline_s,
        )
        self._unattended = unattended
        self._market_clock = market_clock
        self._engine: CopyTradeEngine | None = None
        self._supervisor = Supervisor()
        self._redactor = redactor or Redactor()
        self._venues = Venues(environment, self._ports)
        self._house = self._make_house() if unattended else None
        self._traders: Sequence[Service] = ()
        self._services: list[Service] = []
        self._seen: dict[AccountId, object] = {}
        self._live_users: LiveUsers | None = None

    @property
    def engine(self) -> CopyTradeEngine:
        """The copy engine, once started."""
        if self._engine is None:
            raise SettingsError("the copy trading system is not started")
        return self._engine

    @property
    def trades(self) -> bool:
        """Whether orders may be on their way, so that an end has to wait for them."""
        return self._engine is not None

    def start(self, progress: ConnectProgress | None = None) -> None:
        """Open the ledger, connect every account, start to copy. What is wrong with single accounts is logged.

        Raises:
            AccountInUse: another process works on this data folder.
            LedgerUnavailable: the ledger cannot be opened.
            SettingsError: the data folder cannot be used.
        """
        crash.arm(self.settings.environment.nija_crash_at)
        self._take_folder()
        try:
            self._start(progress)
        except BaseException:
            self.stop(5.0)
            raise
        # What was made so far stays: the collector need not look through it in the middle of a fan-out.
        gc.collect()
        gc.freeze()

    def _take_folder(self) -> None:
        folder = self.settings.environment.nija_data_dir
        make_data_folder(folder)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise AccountInUse(
                f"another bot works on {folder}; stop it first, or set NIJA_DATA_DIR to another folder"
            ) from None
        except OSError as error:
            raise unusable(folder, error) from error

    def _start(self, progress: ConnectProgress | None) -> None:
        for problem in self.settings.problems:
            _log.error("❌ %s", problem)
        self.ledger.open()
        self.gate.refresh()
        for service in self._house.first if self._house else ():
            self._launch(service)
        exits_only, left = left_behind(self.settings, self.ledger.views)
        for problem in left:
            _log.warning("⚠️ %s", problem)
        keepers = make_brokers(self.settings, self.manager, self._ports, self._account_failed, self._venues, exits_only)
        watches, self._traders = self._make_unattended(keepers) if self._unattended else ([], [])
        self._launch(Ticker("kill switch", self.gate.refresh, _SWITCH_POLL_S))
        self.manager.start()
        self._connect(progress)
        # Not before: both would ask the venue for the same, and its limit on public calls delays the first trade.
        for keeper in keepers:
            self._launch(keeper)
        self._engine = CopyTradeEngine(self._parts, self.settings.environment.observe_only)
        self._launch(self._engine)
        for watch in watches:
            self._launch(watch)
        self._launch(Ticker("waiting orders", self._release_waiting, _WAITING_POLL_S))
        self._launch(Ticker("accounts", self._record_accounts, _ACCOUNTS_POLL_S))
        self._launch(Ticker("reconnect", self._reconnect, _RECONNECT_S))
        tell_drift: DriftTeller = self._house.notices.drifted if self._house else lambda *_: None
        looks = ResyncWatch(self.ledger.views, self.manager, self._parts.clock, tell_drift)
        self._launch(Ticker("re-sync", looks.look, _RESYNC_POLL_S))
        switches = OperatorSwitches(
            self.ledger, self.gate, self.manager, observes_always=self.settings.environment.observe_only
        ).handlers
        handlers: dict[str, Handler] = {
            "trade": self._trade_command,
            "resume_user": partial(resume_user, self.manager),
            "ledger_check": LedgerChecks(self.manager, self.ledger).go_on,
            "resync": ResyncDesk(self._resync_parts()).carry_out,
        }
        tell_command = self._house.tell_command if self._house else lambda *_: None
        # A trade or an account that does not answer takes half a minute: the kill switch must not wait for it.
        brakes = Kinds(only=switches.keys())
        self._launch(CommandDesk(self.ledger, switches, _COMMAND_POLL_S, tell_command, brakes, "switch desk"))
        others = Kinds(but=switches.keys())
        self._launch(CommandDesk(self.ledger, handlers, _COMMAND_POLL_S, tell_command, others))
        for trader in self._traders:
            self._launch(trader)
        for service in self._house.last if self._house else ():
            self._launch(service)
        self._supervisor.watch(*self.manager.brokers, *self._services)
        self._launch(self._supervisor)
        if self._unattended:
            self._follow_the_users_files()
        for master in self.manager.masters:
            if master.connected:
                followers = self.manager.followers_of(master.account)
                self.announcer.system_ready(master.venue, sum(entry.broker.connected for entry in followers))

    @property
    def problems(self) -> list[str]:
        """What of users and keys is not applied and why, as it is now, one line each."""
        if self._live_users is not None:
            return self._live_users.problems
        return [str(problem) for problem in self.settings.problems]

    def _follow_the_users_files(self) -> None:
        self._live_users = live_users = LiveUsers(
            LiveUsersParts(
                self.settings,
                self.manager,
                self._venues,
                self.ledger,
                self.events,
                self._supervisor.watch,
                self._launch,
                self._redactor.register,
            )
        )
        self._launch(live_users)
        self._supervisor.watch(live_users)

    def _make_house(self) -> OperatorsHouse:
        clock = self._parts.clock
        live = LiveState(
            self.manager, self.gate, self.ledger, self.emitter, self._supervisor, lambda: self._engine, clock
        )
        return OperatorsHouse(
            HouseParts(
                settings=self.settings,
                ledger=self.ledger,
                manager=self.manager,
                live=live,
                events=self.events,
                announcer=self.announcer,
                clock=clock,
                max_user_risk=self._parts.max_user_risk,
                left_out=lambda: self._left_out,
                problems=lambda: self.problems,
                redact=self._redactor.redact,
            )
        )

    def _make_unattended(self, keepers: Sequence[MarketKeeper]) -> tuple[list[MasterWatch], Sequence[Service]]:
        environment, clock = self.settings.environment, self._ports.clock
        watches = make_watches(environment, self.manager, self.ledger, self.emitter.emit, self.announcer, clock)
        trader = make_trader(environment, self.manager, keepers, self.ledger, self.announcer, self._market_clock)
        return watches, trader.services if trader else []

    def stop_trading(self, within_s: float = 5.0) -> list[str]:
        """Let no strategy decide any more; what it decided goes on, and is copied.

        Returns:
            What did not end in time.
        """
        return stop_all(self._traders, within_s)

    def _resync_parts(self) -> ResyncParts:
        environment = self.settings.environment
        return ResyncParts(
            views=self.ledger.views,
            manager=self.manager,
            clock=self._parts.clock,
            flush=self.ledger.flush,
            correct=self.engine.correct,
            price_of=lambda broker, symbol, side: broker.market_price(symbol, side, _PRICE_WITHIN_S),
            stopped=self.gate.reason,
            observe_only=lambda: self.engine.observe_only,
            entries_stopped=self.gate.refuse_entries,
            max_user_risk=self._parts.max_user_risk,
            deadline_s=environment.order_deadline_s,
        )

    def _is_disabled(self, account: AccountId) -> bool:
        entry = self.manager.user(account)
        return entry is not None and not entry.user.enabled

    def _launch(self, service: Service) -> None:
        service.start()
        self._services.append(service)

    def _account_failed(self, account: AccountId, reason: str) -> None:
        self._left_out[account] = reason
        self.announcer.not_connected(account, reason)
        self.ledger.record_account(account, False, reason, None, None)

    def _connect(self, progress: ConnectProgress | None) -> None:
        total, through = len(self.manager.brokers), 0

        def one(broker: BaseBroker) -> None:
            nonlocal through
            through += 1
            self._report_connection(broker)
            if progress is not None:
                progress(through, total)

        self.manager.connect(_CONNECT_TIMEOUT_S, one)

    def _report_connection(self, broker: BaseBroker) -> None:
        balances = broker.balances
        if balances is None:
            self.announcer.not_connected(broker.account, broker.status)
        elif balances.trading_balance < MINIMUM_FUNDED_BALANCE:
            self.announcer.underfunded(broker.account, balances.trading_balance)

    def _record_accounts(self) -> None:
        for broker in self.manager.brokers:
            balances = broker.balances
            look = (broker.connected, broker.status, balances)
            if self._seen.get(broker.account) == look:
                continue
            self._seen[broker.account] = look
            balance = balances.trading_balance if balances else None
            self.ledger.record_account(
                broker.account, broker.connected, broker.status, balance, balances.equity if balances else None
            )

    def _reconnect(self) -> None:
        lost = [one for one in self.manager.brokers if not (one.connected or one.barred or one.paused)]
        self.manager.connect(_CONNECT_TIMEOUT_S, brokers=lost)

    def _release_waiting(self) -> None:
        self.engine.release_waiting()

    def stop(self, within_s: float = 10.0) -> list[str]:
        """Stop in order: intake, engine, lanes, ledger, locks.

        Returns:
            What did not end in time.
        """
        deadline = time.monotonic() + within_s
        if self._house is not None:
            self._house.stopping()
        stuck = stop_all(reversed(self._services), within_s * 0.4)
        self._services.clear()
        stuck += self.manager.stop(max(0.5, (deadline - time.monotonic()) * 0.6))
        if self._house is not None:
            self._house.finish(max(0.5, (deadline - time.monotonic()) * 0.5))
        self.ledger.close(max(0.5, deadline - time.monotonic()))
        self._lock.release()
        if stuck:
            _log.warning("did not end in time: %s", ", ".join(stuck))
        return stuck
