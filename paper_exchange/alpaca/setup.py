"""Builds the venue, and opens accounts at it."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

from paper_exchange.alpaca.app import AlpacaProtocol
from paper_exchange.alpaca.faults import FAULT_KINDS, AlpacaFaultAnswers
from paper_exchange.alpaca.instruments import Catalogue
from paper_exchange.alpaca.keys import AlpacaIdentifiers, KeyRing
from paper_exchange.alpaca.routes import NAMES
from paper_exchange.alpaca.venue import NAME, Alpaca
from paper_exchange.core.accounts import Account
from paper_exchange.core.asgi import Application
from paper_exchange.core.bodies import AccountChange, NewAccount
from paper_exchange.core.exchange import Exchange
from paper_exchange.core.funds import FeeIn
from paper_exchange.core.http import Door
from paper_exchange.core.settings import Settings
from paper_exchange.core.venue import change_account, check_assets, describe, open_account
from paper_exchange.core.world import World

_FEE_RATE = Decimal("0.0025")
_FILL_DELAY_S = 0.02


class AlpacaVenue:
    """Alpaca as service and control know it."""

    name = NAME
    account_body: type[NewAccount] = NewAccount
    change_body: type[AccountChange] = AccountChange
    calls = NAMES
    fault_kinds = FAULT_KINDS
    socket_path: str | None = None

    def __init__(self, alpaca: Alpaca) -> None:
        self._alpaca = alpaca
        self._keys = alpaca.keys
        self.exchange = alpaca.exchange

    def app(self) -> Application:
        """Alpaca's trading API and its crypto market data."""
        return Door(AlpacaProtocol(self._alpaca), AlpacaFaultAnswers(self._alpaca))

    def check_account(self, wanted: NewAccount) -> None:
        """Raises ValueError for an unknown asset or a used key."""
        check_assets(NAME, self._alpaca.catalogue.assets, wanted.balances)
        self._keys.check_unused(wanted.api_key)

    def open_account(self, wanted: NewAccount) -> dict[str, str]:
        """Opens an account with one key."""
        account = Account(wanted.name, NAME, wanted.fee_rate)
        key = self._keys.make(account, wanted.api_key, wanted.api_secret, self.exchange.clock.now())
        open_account(self.exchange, account, wanted.balances)
        return {"name": account.name, "venue": NAME, "api_key": key.key, "api_secret": key.secret}

    def describe_account(self, account: Account) -> dict[str, Any]:
        """With the calls of the minute that is running."""
        window = self._keys.by_account[account.name].window
        return describe(self.exchange, account) | {"calls": window.calls(self.exchange.clock.now())}

    def change_account(self, account: Account, change: AccountChange) -> None:
        """Raises ValueError for an unknown asset."""
        check_assets(NAME, self._alpaca.catalogue.assets, change.balances or {})
        change_account(self.exchange, account, change)


def build(world: World, **settings: Any) -> AlpacaVenue:
    """A venue with markets and no accounts; `settings` are fields of Settings."""
    defaults: dict[str, Any] = {"fee_rate": _FEE_RATE, "fill_delay_s": _FILL_DELAY_S}
    catalogue = Catalogue()
    exchange = Exchange(
        world=world,
        instruments=catalogue.instruments,
        first_prices=catalogue.first_prices,
        identifiers=AlpacaIdentifiers(f"{world.seed}:{time.time_ns()}"),
        settings=Settings(**defaults | settings),
        fee_in=FeeIn.RECEIVED,
    )
    return AlpacaVenue(Alpaca(exchange, catalogue, KeyRing(world.seed)))
