"""The closed lists: venues, account types, sides, units and the states of a copy."""

from __future__ import annotations

from enum import StrEnum


class BrokerType(StrEnum):
    """A venue."""

    KRAKEN = "kraken"
    COINBASE = "coinbase"
    ALPACA = "alpaca"


class AccountType(StrEnum):
    """Whether an account leads or follows."""

    MASTER = "master"
    USER = "user"


class Side(StrEnum):
    """Direction of an order: ``buy`` gets in (an entry), ``sell`` gets out (an exit)."""

    BUY = "buy"
    SELL = "sell"


class SizeType(StrEnum):
    """Unit of an order's size: the coin itself (``base``) or the money it is paid in (``quote``)."""

    BASE = "base"
    QUOTE = "quote"


class InstrumentStatus(StrEnum):
    """What a venue lets happen to a symbol at the moment."""

    ONLINE = "online"
    CANCEL_ONLY = "cancel_only"
    POST_ONLY = "post_only"
    LIMIT_ONLY = "limit_only"
    REDUCE_ONLY = "reduce_only"
    OFFLINE = "offline"


class OrderState(StrEnum):
    """State of a copy, and of a master's own order, from plan to fill. Moves: :mod:`bot.domain.states`."""

    PLANNED = "PLANNED"
    SUBMITTING = "SUBMITTING"
    ACCEPTED = "ACCEPTED"
    FILLED = "FILLED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    OBSERVED = "OBSERVED"
    SKIPPED = "SKIPPED"
