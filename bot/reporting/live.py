"""How the running bot is right now, for everybody who shows it: the page, the metrics, the health check."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from bot.domain.enums import AccountType
from bot.domain.ids import AccountId


@dataclass(frozen=True, slots=True)
class EngineState:
    """The copy engine.

    Attributes:
        heartbeat_age_s: seconds since its loop last went round; it goes round every second.
        waiting: signals in its queue.
    """

    alive: bool
    observing: bool
    heartbeat_age_s: float
    waiting: int


@dataclass(frozen=True, slots=True)
class AccountState:
    """One account.

    Attributes:
        name: as people call it.
        follows: the master that it copies; None for a master, and for who copies nobody.
        paused: the venue, or the account's own failures, keep it from trading for now; ``status`` says why.
        barred: its key may not be used any more.
        entries_stopped: why it gets no entries although it could trade (disabled, paused by the operator); empty when
            it gets them.
        balance: US dollars that sizes are made with; None when not known.
        equity: US dollars that all its coins are worth.
        balances_at: unix seconds.
        waiting_orders: orders sent whose fill is not known.
        lane_alive: its thread runs.
        nonce_errors: nonces of its key that the venue refused, since it was connected first.
    """

    account: AccountId
    name: str
    role: AccountType
    follows: AccountId | None
    connected: bool
    paused: bool
    barred: bool
    status: str
    entries_stopped: str
    balance: Decimal | None
    equity: Decimal | None
    balances_at: float | None
    waiting_orders: int
    lane_alive: bool
    nonce_errors: int = 0


@dataclass(frozen=True, slots=True)
class SystemState:
    """Everything at one moment.

    Attributes:
        stopped: why nothing may be traded now (kill switch); None when it may.
        ledger_error: why the ledger cannot be written now; empty when it can.
        restarts: threads that died and were started again, by name.
        started_at: unix seconds.
    """

    started_at: float
    engine: EngineState
    stopped: str | None
    ledger_error: str
    restarts: dict[str, int]
    accounts: tuple[AccountState, ...]


class LiveSystem(Protocol):
    """Whoever knows."""

    def state(self) -> SystemState:
        """How it is now; cheap enough to ask every second, asks no venue and no database."""
