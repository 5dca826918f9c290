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
from paper_exchange.alpaca.websocket.door import PATH, socket_door
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


class AlpacaAccount(NewAccount):
    """An account at Alpaca, with one key; `text_frames` and `trading_blocked` as in `ApiKey`."""

    text_frames: bool = False
    trading_blocked: bool = False


class AlpacaAccountChange(AccountChange):
    """What to set on an account at Alpaca."""

    text_frames: bool | None = None


class AlpacaVenue:
    """Alpaca as service and control know it."""

    name = NAME
    account_body: type[NewAccount] = AlpacaAccount
    change_body: type[AccountChange] = AlpacaAccountChange
    calls = NAMES
    fault_kinds = FAULT_KINDS
    socket_path: str | None = PATH

    def __init__(self, alpaca: Alpaca) -> None:
        self._alpaca = alpaca
        self._keys = alpaca.keys
        self.exchange = alpaca.exchange

    def app(self) -> Application:
        """Alpaca's trading API and its crypto market data."""
        return Door(AlpacaProtocol(self._alpaca), AlpacaFaultAnswers(self._alpaca), socket_door(self._alpaca))

    def check_account(self, wanted: NewAccount) -> None:
        """Raises ValueError for an unknown asset or a used key."""
        check_assets(NAME, self._alpaca.catalogue.assets, wanted.balances)
        self._keys.check_unused(wanted.api_key)

    def open_account(self, wanted: NewAccount) -> dict[str, str]:
        """Opens an account with one key."""
        assert isinstance(wanted, AlpacaAccount)
        account = Account(wanted.name, NAME, wanted.fee_rate)
        key = self._keys.make(account, wanted.api_key, wanted.api_secret, self.exchange.clock.now())
        key.text_frames = wanted.text_frames
        key.trading_blocked = wanted.trading_blocked
        open_account(self.exchange, account, wanted.balances)
        return {"name": account.name, "venue": NAME, "api_key": key.key, "api_secret": key.secret}

    def describe_account(self, account: Account) -> dict[str, Any]:
        """With the calls of the minute that is running, and the frames of its stream."""
        key = self._keys.by_account[account.name]
        own = {"calls": key.window.calls(self.exchange.clock.now()), "text_frames": key.text_frames}
        return describe(self.exchange, account) | own

    def change_account(self, account: Account, change: AccountChange) -> None:
        """Raises ValueError for an unknown asset."""
        assert isinstance(change, AlpacaAccountChange)
        check_assets(NAME, self._alpaca.catalogue.assets, change.balances or {})
        if change.text_frames is not None:
            self._keys.by_account[account.name].text_frames = change.text_frames
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
        names_orders=True,
    )
    return AlpacaVenue(Alpaca(exchange, catalogue, KeyRing(world.seed)))
