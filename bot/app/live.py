"""The running system as everybody sees it who shows it (:class:`bot.reporting.live.LiveSystem`)."""

from __future__ import annotations

from collections.abc import Callable

from bot.broker_manager import BaseBroker, BrokerManager
from bot.copy_trade_engine import CopyTradeEngine
from bot.copying.guards import refuse_entries
from bot.copying.kill_switch import KillSwitchGate
from bot.domain.ports import Clock
from bot.ledger.journal import Ledger
from bot.reporting.live import AccountState, EngineState, SystemState
from bot.runtime.supervisor import Supervisor
from bot.settings.users import UserSettings
from bot.trade_signal_emitter import TradeSignalEmitter

#: A master has no entry in the users' files.
_MASTER_NAME = "master"


class LiveState:
    """Reads what every part knows of itself; asks no venue and no database.

    Args:
        engine: the engine, once there is one.
    """

    def __init__(
        self,
        manager: BrokerManager,
        gate: KillSwitchGate,
        ledger: Ledger,
        emitter: TradeSignalEmitter,
        supervisor: Supervisor,
        engine: Callable[[], CopyTradeEngine | None],
        clock: Clock,
    ) -> None:
        self._manager, self._gate, self._ledger = manager, gate, ledger
        self._emitter, self._supervisor, self._engine = emitter, supervisor, engine
        self._started_at = clock.time()

    def state(self) -> SystemState:
        """How it is now."""
        masters = [self._account(broker, None) for broker in self._manager.masters]
        users = [self._account(entry.broker, entry.user) for entry in self._manager.users]
        return SystemState(
            started_at=self._started_at,
            engine=self._engine_state(),
            stopped=self._gate.reason(),
            ledger_error="" if self._ledger.healthy else self._ledger.last_error or "cannot be written",
            restarts=self._supervisor.restarts,
            accounts=(*masters, *users),
        )

    def _engine_state(self) -> EngineState:
        engine, waiting = self._engine(), self._emitter.get_stats()["waiting"]
        if engine is None:
            return EngineState(alive=False, observing=False, heartbeat_age_s=0.0, waiting=waiting)
        return EngineState(engine.alive, engine.observe_only, engine.heartbeat_age_s, waiting)

    def _account(self, broker: BaseBroker, user: UserSettings | None) -> AccountState:
        balances = broker.balances
        enabled = user is None or user.enabled
        unwanted = refuse_entries(enabled=enabled, pause=self._gate.paused(broker.account))
        return AccountState(
            account=broker.account,
            name=_MASTER_NAME if user is None else user.name or user.user_id,
            role=broker.account_type,
            follows=None if user is None else user.master,
            connected=broker.connected,
            paused=broker.paused,
            barred=broker.barred,
            status=broker.status,
            entries_stopped="" if unwanted is None else str(unwanted),
            balance=None if balances is None else balances.trading_balance,
            equity=None if balances is None else balances.equity,
            balances_at=None if balances is None else balances.at,
            waiting_orders=broker.open_orders,
            lane_alive=not broker.died,
            nonce_errors=broker.nonce_errors,
        )
