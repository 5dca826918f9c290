"""What a person who looks after the bot wants to be told of at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.ids import AccountId


class EventKind(StrEnum):
    """One closed list: what can be chosen to be told of, by these names."""

    STARTED = "started"
    STOPPED = "stopped"
    ENGINE_STOPPED = "engine_stopped"
    ACCOUNT_LOST = "account_lost"
    ACCOUNT_BACK = "account_back"
    COPY_FAILED = "copy_failed"
    UNKNOWN_OUTCOME = "unknown_outcome"
    DRIFT = "drift"
    KILL_SWITCH = "kill_switch"
    NOT_WATCHED = "not_watched"
    LEDGER_FAILED = "ledger_failed"
    AUDIT_FAILED = "audit_failed"
    CONFIG_CHANGED = "config_changed"
    COMMAND = "command"
    LOGIN = "login"
    DAILY_SUMMARY = "daily_summary"


@dataclass(frozen=True, slots=True)
class OperatorEvent:
    """One thing that happened.

    Attributes:
        text: one line: what, and what can be done about it.
        at: unix seconds.
        account: whose, where it is about one account.
        serious: somebody should look now.
        detail: further lines, for those who want to know more.
    """

    kind: EventKind
    text: str
    at: float
    account: AccountId | None = None
    serious: bool = False
    detail: str = ""
