"""What can keep a user from copying, each with its reason. Entries only, unless a name says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from bot.domain.enums import InstrumentStatus
from bot.domain.ids import AccountId
from bot.domain.instruments import Instrument
from bot.domain.money import MINIMUM_FUNDED_BALANCE, usd
from bot.domain.orders import AccountBalances, Refused
from bot.domain.signals import TradeSignal
from bot.ledger.switches import Switch
from bot.settings.users import UserSettings

#: Refusals that an exit waits out; everything else about an exit is decided by its size.
NOT_NOW = frozenset({"account not connected", "kill switch", "account paused", "signal asked for first"})
#: Refusals that an entry waits out for as long as its signal is fresh.
NOT_YET = frozenset({"account paused", "symbol in doubt"})

#: An account whose entry in its users file says ``"enabled": false``.
DISABLED = Refused("disabled in its users file")


class FollowerBroker(Protocol):
    """What a plan reads of a user's broker."""

    account: AccountId

    @property
    def status(self) -> str: ...

    @property
    def connected(self) -> bool: ...

    @property
    def paused(self) -> bool: ...

    def in_doubt(self, symbol: str) -> bool: ...

    @property
    def balances(self) -> AccountBalances | None: ...

    def instrument(self, symbol: str) -> Instrument | None: ...


@dataclass(frozen=True, slots=True)
class Follower:
    """One user that follows the master of a signal."""

    user: UserSettings
    broker: FollowerBroker


def refuse_entries(*, enabled: bool, pause: Switch | None) -> Refused | None:
    """The operator wants no entries on an account. What was bought is sold all the same."""
    if not enabled:
        return DISABLED
    return None if pause is None else Refused("paused by the operator", pause.reason)


def refuse_now(follower: Follower, stopped: str | None) -> Refused | None:
    """For entries and exits alike: the account cannot be traded at this moment."""
    if stopped is not None:
        return Refused("kill switch", stopped)
    if not follower.broker.connected:
        return Refused("account not connected", follower.broker.status)
    return None


def refuse_yet(follower: Follower, symbol: str, *, is_entry: bool) -> Refused | None:
    """The account or the symbol has to wait for its venue first."""
    if follower.broker.paused:
        return Refused("account paused", follower.broker.status)
    if is_entry and follower.broker.in_doubt(symbol):
        return Refused("symbol in doubt", f"an earlier order of {symbol} is not settled yet")
    return None


def refuse_symbol(follower: Follower, symbol: str, own: str) -> Refused | None:
    """The user does not want this symbol, neither as the master trades it nor (``own``) in its own quote currency."""
    user = follower.user
    for name in (symbol, own):
        if name in user.disabled_symbols:
            return Refused("symbol disabled", f"{name} is in disabled_symbols of {user.user_id}")
    if user.allowed_symbols is not None and not user.allowed_symbols & {symbol, own}:
        return Refused("symbol not allowed", f"{own} is not in allowed_symbols of {user.user_id}")
    return None


def refuse_balance(balance: Decimal) -> Refused | None:
    """The account is too small to trade at all."""
    if balance < MINIMUM_FUNDED_BALANCE:
        return Refused("underfunded", f"{usd(balance)} is below {usd(MINIMUM_FUNDED_BALANCE)}")
    return None


def refuse_instrument(instrument: Instrument) -> Refused | None:
    """The venue does not let a market buy through."""
    if instrument.status is not InstrumentStatus.ONLINE:
        return Refused("symbol not tradable", f"{instrument.symbol} is {instrument.status}")
    return None


def refuse_age(signal: TradeSignal, now: float, max_age_s: float) -> Refused | None:
    """The price has moved on since the master traded."""
    age = now - signal.timestamp
    if age > max_age_s:
        return Refused("signal too old", f"{age:.0f} s, at most {max_age_s:.0f} s")
    return None
