"""The API's answers. Money and sizes are decimal strings, times unix seconds, ids strings."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, PlainSerializer

from bot.domain.enums import AccountType, BrokerType, OrderState, Side, SizeType
from bot.domain.money import plain
from bot.ledger.commands import CommandState

Amount = Annotated[Decimal, PlainSerializer(plain, return_type=str)]


class Problem(BaseModel):
    """What went wrong: one line that names the thing and the mend."""

    error: str


class SessionAnswer(BaseModel):
    """The own session; it ends at ``expires_at`` if nothing is asked for until then."""

    logged_in: Literal[True] = True
    expires_at: float


class HealthAnswer(BaseModel):
    """Whether the bot does its work; ``reason`` only where it does not."""

    status: Literal["ok", "failing"]
    reason: str | None = None


class SwitchAnswer(BaseModel):
    """A switch that is set."""

    reason: str
    set_by: str
    set_at: float


class EngineAnswer(BaseModel):
    """The copy engine: seconds since its loop last went round, and signals in its queue."""

    alive: bool
    heartbeat_age_s: float
    waiting: int


class CountsAnswer(BaseModel):
    """Everything ever recorded, counted; ``skipped`` by the short form of the reason."""

    emitted: int = 0
    copied: int = 0
    skipped: dict[str, int] = {}
    failed: int = 0
    open: int = 0


class StateAnswer(BaseModel):
    """How the bot is now."""

    version: str
    now: float
    started_at: float
    trading: Literal["active", "observe", "stopped"]
    stopped_reason: str
    kill_switch: SwitchAnswer | None
    observe: SwitchAnswer | None
    engine: EngineAnswer
    ledger_error: str
    restarts: dict[str, int]
    counts: CountsAnswer
    masters: list[str]
    users_connected: int
    users_total: int
    strategy: str
    watch_master: bool
    trouble: list[str]


class LimitsAnswer(BaseModel):
    """What bounds one user's entries."""

    max_user_risk: Amount
    multiplier: Amount
    max_trade_usd: Amount | None


class CoinsAnswer(BaseModel):
    """Coins that copying bought, and what they cost."""

    symbol: str
    quantity: Amount
    cost: Amount


class AccountAnswer(BaseModel):
    """One account; ``entries_stopped`` says why it gets no entries, empty when it gets them."""

    account: str
    user_id: str
    name: str
    venue: BrokerType
    role: AccountType
    follows: str | None
    connected: bool
    funded: bool
    paused: bool
    barred: bool
    status: str
    entries_stopped: str
    balance: Amount | None
    equity: Amount | None
    balances_at: float | None
    waiting_orders: int
    limits: LimitsAnswer | None
    coins: list[CoinsAnswer]


class AccountsAnswer(BaseModel):
    """All accounts, masters first."""

    accounts: list[AccountAnswer]


class CopyCountsAnswer(BaseModel):
    """Copies of one signal, each counted once."""

    copied: int
    skipped: int
    failed: int
    open: int
    unclear: int


class SignalAnswer(BaseModel):
    """One signal; ``last_ms`` until its last copy was answered."""

    signal_id: str
    at: float
    venue: BrokerType
    master: str
    symbol: str
    side: Side
    price: Amount
    size: Amount
    size_type: SizeType
    by_hand: bool
    observe_only: bool
    copies: CopyCountsAnswer
    last_ms: float | None


class SignalsAnswer(BaseModel):
    """Signals, newest first; whether there are older ones."""

    signals: list[SignalAnswer]
    more: bool


class CopyAnswer(BaseModel):
    """One user's share in one signal, with its order or the reason why there is none."""

    signal_id: str
    account: str
    user_id: str
    venue: BrokerType
    symbol: str
    side: Side
    state: OrderState
    reason: str
    code: str
    quantity: Amount
    quote_value: Amount
    executed: Amount
    average_price: Amount
    cost: Amount
    fee: Amount
    fee_currency: str
    order_id: str | None
    milliseconds: float | None
    attempt: int
    leg: int
    planned_at: float
    answered_at: float | None
    settled_at: float | None


class CopiesAnswer(BaseModel):
    """Copies, newest first."""

    copies: list[CopyAnswer]


class SignalWithCopies(BaseModel):
    """One signal with every user's copy."""

    signal: SignalAnswer
    copies: list[CopyAnswer]


class LatencyPoint(BaseModel):
    """How long the copies of one signal took, milliseconds."""

    at: float
    signal_id: str
    symbol: str
    copies: int
    first_ms: float
    median_ms: float
    last_ms: float


class LatencySummaryAnswer(BaseModel):
    """Over all copies, milliseconds."""

    signals: int
    copies: int
    median_ms: float | None
    p95_ms: float | None
    max_ms: float | None


class LatencyAnswer(BaseModel):
    """How long copies took, oldest signal first."""

    points: list[LatencyPoint]
    summary: LatencySummaryAnswer


class EquitySeries(BaseModel):
    """One account over time: unix seconds, equity, balance."""

    account: str
    points: list[tuple[float, Amount | None, Amount | None]]


class EquityAnswer(BaseModel):
    """All accounts over time."""

    series: list[EquitySeries]


class FidelityUser(BaseModel):
    """How close one account came to its master; slippage in basis points, worse is positive."""

    account: str
    signals: int
    copied: int
    skipped: dict[str, int]
    failed: int
    open: int
    share_copied: float
    size_ratio_median: float | None
    slippage_bps_median: float | None
    median_ms: float | None


class FidelityAnswer(BaseModel):
    """How close users came to their masters."""

    users: list[FidelityUser]


class AuditEntryAnswer(BaseModel):
    """One entry of the audit log."""

    number: int
    at: float
    kind: str
    who: str
    what: str
    detail: dict[str, Any]


class AuditAnswer(BaseModel):
    """Entries, newest first; whether the chain is whole, else what is wrong with it."""

    entries: list[AuditEntryAnswer]
    intact: bool
    problem: str | None


class CommandAnswer(BaseModel):
    """One command; ``result`` has ``error`` where it failed."""

    id: str
    kind: str
    payload: dict[str, Any]
    state: CommandState
    result: dict[str, Any] | None
    created_at: float
    finished_at: float | None


class CommandQueued(BaseModel):
    """The command was written down; the bot takes it within a second."""

    id: str
