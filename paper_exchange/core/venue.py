"""What a venue offers to the service and to the control API, which know venues through this only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Protocol

from paper_exchange.core.accounts import Account
from paper_exchange.core.asgi import Application
from paper_exchange.core.bodies import AccountChange, NewAccount
from paper_exchange.core.exchange import Exchange
from paper_exchange.core.faults import FaultKind


class NameTaken(ValueError):
    """There is an account of this name already."""


class Venue(Protocol):
    """One venue: its markets and accounts, and the protocol that it speaks.

    `account_body` and `change_body` are the models of what POST and PATCH of an account take: those of
    `paper_exchange.core.bodies`, or subclasses with the venue's own fields. `calls` are the names that a fault's
    `method` and the journal use; `fault_kinds` what can happen there. `socket_path` is where the venue takes WebSocket
    connections, `None` if it takes none.
    """

    name: str
    exchange: Exchange
    account_body: type[NewAccount]
    change_body: type[AccountChange]
    calls: frozenset[str]
    fault_kinds: frozenset[FaultKind]
    socket_path: str | None

    def app(self) -> Application:
        """The ASGI application that speaks the venue's protocol."""

    def check_account(self, wanted: NewAccount) -> None:
        """Raises ValueError when this account cannot be opened. Nothing changes."""

    def open_account(self, wanted: NewAccount) -> dict[str, str]:
        """Opens an account that was checked; answers name, venue and what a client needs: api_key, api_secret."""

    def describe_account(self, account: Account) -> dict[str, Any]:
        """The account as the control API shows it, as `describe` says plus the venue's own fields."""

    def change_account(self, account: Account, change: AccountChange) -> None:
        """Sets the fields that are given; raises ValueError, and then sets none."""


def check_assets(venue: str, known: Iterable[str], wanted: Iterable[str]) -> None:
    """Raises ValueError for an asset that the venue does not list."""
    listed = list(known)
    unknown = sorted(set(wanted) - set(listed))
    if unknown:
        raise ValueError(f"unknown assets at {venue}: {', '.join(unknown)}; known are: {', '.join(listed)}")


def open_account(exchange: Exchange, account: Account, balances: Mapping[str, Decimal]) -> None:
    """Takes an account in, with its first deposits."""
    exchange.accounts[account.name] = account
    for asset, amount in balances.items():
        exchange.engine.deposit(account, asset, amount)


def change_account(exchange: Exchange, account: Account, change: AccountChange) -> None:
    """Sets balances, fee and whether the key works, of what is given; assets must be checked before."""
    for asset, amount in (change.balances or {}).items():
        exchange.engine.deposit(account, asset, amount - account.balances.get(asset, Decimal(0)))
    if "fee_rate" in change.model_fields_set:
        account.fee_rate = change.fee_rate
    if change.enabled is not None:
        account.enabled = change.enabled


def describe(exchange: Exchange, account: Account) -> dict[str, Any]:
    """What the control API shows of every account."""
    return {
        "name": account.name,
        "venue": account.venue,
        "balances": account.balances,
        "holds": {asset: amount for asset, amount in account.holds.items() if amount},
        "fee_rate": exchange.fee_rate(account),
        "enabled": account.enabled,
    }
