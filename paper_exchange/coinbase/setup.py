"""Builds the venue, and opens accounts at it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from paper_exchange.coinbase.faults import CoinbaseFaultAnswers
from paper_exchange.coinbase.identifiers import CoinbaseIdentifiers, named_uuid
from paper_exchange.coinbase.instruments import Catalogue
from paper_exchange.coinbase.keys import Algorithm, ApiKey, KeyRing, public_key
from paper_exchange.coinbase.routes import BY_NAME
from paper_exchange.coinbase.venue import NAME, Coinbase
from paper_exchange.coinbase.websocket.door import PATH, socket_door
from paper_exchange.core.accounts import Account
from paper_exchange.core.asgi import Application
from paper_exchange.core.bodies import AccountChange, NewAccount
from paper_exchange.core.exchange import Exchange
from paper_exchange.core.faults import FaultKind
from paper_exchange.core.http import Door
from paper_exchange.core.settings import Settings
from paper_exchange.core.venue import change_account, check_assets, describe, open_account
from paper_exchange.core.world import World

#: The entry tier's taker fee, how long a market order takes to fill, and public calls per second and address.
_DEFAULTS: dict[str, Any] = {"fee_rate": Decimal("0.009"), "fill_delay_s": 0.05, "public_rate_per_s": 10.0}


class CoinbaseAccount(NewAccount):
    """An account at Coinbase, with one key. A given `api_secret` is a PEM, or base64 of an Ed25519 key."""

    can_view: bool = True
    can_trade: bool = True
    can_transfer: bool = False
    algorithm: Algorithm = Algorithm.ES256


class CoinbaseAccountChange(AccountChange):
    """What to set on an account at Coinbase."""

    can_view: bool | None = None
    can_trade: bool | None = None
    can_transfer: bool | None = None


class CoinbaseVenue:
    """Coinbase as service and control know it."""

    name = NAME
    account_body: type[NewAccount] = CoinbaseAccount
    change_body: type[AccountChange] = CoinbaseAccountChange
    calls = frozenset(BY_NAME)
    fault_kinds = frozenset(FaultKind) - {FaultKind.INVALID_NONCE}
    socket_path: str | None = PATH

    def __init__(self, coinbase: Coinbase) -> None:
        self._coinbase = coinbase
        self._keys = coinbase.keys
        self.exchange = coinbase.exchange

    def app(self) -> Application:
        """Coinbase's Advanced Trade API."""
        return Door(self._coinbase, CoinbaseFaultAnswers(self._coinbase), socket_door(self._coinbase))

    def check_account(self, wanted: NewAccount) -> None:
        """Raises ValueError for an unknown asset, a used key, or a secret that is none."""
        self._check_assets(wanted.balances)
        self._keys.check_unused(wanted.api_key)
        if wanted.api_secret is not None:
            try:
                public_key(wanted.api_secret)
            except ValueError as error:
                raise ValueError(f"the secret of {wanted.name} cannot be used: {error}") from error

    def open_account(self, wanted: NewAccount) -> dict[str, str]:
        """Opens an account with one key: `api_key` is the key's name, `api_secret` its PEM."""
        assert isinstance(wanted, CoinbaseAccount)
        made_name, made_secret = self._keys.make(wanted.name, wanted.algorithm)
        secret = wanted.api_secret or made_secret
        key = ApiKey(
            Account(wanted.name, NAME, wanted.fee_rate),
            wanted.api_key or made_name,
            secret,
            public_key(secret),
            portfolio_id=named_uuid(wanted.name, "portfolio"),
            user_id=named_uuid(wanted.name, "user"),
            can_view=wanted.can_view,
            can_trade=wanted.can_trade,
            can_transfer=wanted.can_transfer,
        )
        self._keys.add(key)
        open_account(self.exchange, key.account, wanted.balances)
        return {"name": wanted.name, "venue": NAME, "api_key": key.name, "api_secret": key.secret}

    def describe_account(self, account: Account) -> dict[str, Any]:
        """With the key's permissions."""
        key = self._keys.by_account[account.name]
        return describe(self.exchange, account) | {
            "can_view": key.can_view,
            "can_trade": key.can_trade,
            "can_transfer": key.can_transfer,
            "algorithm": key.algorithm,
        }

    def change_account(self, account: Account, change: AccountChange) -> None:
        """Raises ValueError for an unknown asset."""
        assert isinstance(change, CoinbaseAccountChange)
        key = self._keys.by_account[account.name]
        self._check_assets(change.balances or {})
        for name in ("can_view", "can_trade", "can_transfer"):
            wanted = getattr(change, name)
            if wanted is not None:
                setattr(key, name, wanted)
        change_account(self.exchange, account, change)

    def _check_assets(self, wanted: Iterable[str]) -> None:
        check_assets(NAME, self._coinbase.catalogue.assets, wanted)


def build(world: World, **settings: Any) -> CoinbaseVenue:
    """A venue with markets and no accounts; `settings` are fields of Settings."""
    catalogue = Catalogue()
    exchange = Exchange(
        world=world,
        instruments=catalogue.instruments,
        first_prices=catalogue.start_prices,
        identifiers=CoinbaseIdentifiers(f"{world.seed}:{time.time_ns()}"),
        settings=Settings(**{**_DEFAULTS, **settings}),
        names_orders=True,
    )
    return CoinbaseVenue(Coinbase(exchange, catalogue, KeyRing(world.seed)))
