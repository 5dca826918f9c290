"""Builds the venue, and opens accounts at it."""

from __future__ import annotations

import base64
import time
from typing import Annotated, Any

from pydantic import Field

from paper_exchange.core.accounts import Account
from paper_exchange.core.asgi import Application
from paper_exchange.core.bodies import AccountChange, NewAccount
from paper_exchange.core.exchange import Exchange
from paper_exchange.core.faults import FaultKind
from paper_exchange.core.http import Door
from paper_exchange.core.settings import Settings
from paper_exchange.core.venue import change_account, check_assets, describe, open_account
from paper_exchange.core.world import World
from paper_exchange.kraken.app import KrakenProtocol
from paper_exchange.kraken.faults import KrakenFaultAnswers
from paper_exchange.kraken.identifiers import KrakenIdentifiers
from paper_exchange.kraken.instruments import Catalogue
from paper_exchange.kraken.keys import DEFAULT_PERMISSIONS, ApiKey, KeyRing, check_permissions
from paper_exchange.kraken.limits import Tier
from paper_exchange.kraken.routes import PRIVATE, PUBLIC
from paper_exchange.kraken.venue import NAME, Kraken
from paper_exchange.kraken.websocket.door import PATH, socket_door


class KrakenAccount(NewAccount):
    """An account at Kraken, with one key."""

    permissions: list[str] = Field(default_factory=lambda: list(DEFAULT_PERMISSIONS))
    nonce_window: Annotated[int, Field(ge=0)] = 0
    valid_until: Annotated[int, Field(ge=0)] = 0
    ip_allowlist: list[str] = Field(default_factory=list)
    tier: Tier = Tier.INTERMEDIATE


class KrakenAccountChange(AccountChange):
    """What to set on an account at Kraken."""

    permissions: list[str] | None = None
    nonce_window: Annotated[int, Field(ge=0)] | None = None
    tier: Tier | None = None


class KrakenVenue:
    """Kraken as service and control know it."""

    name = NAME
    account_body: type[NewAccount] = KrakenAccount
    change_body: type[AccountChange] = KrakenAccountChange
    calls = frozenset(PRIVATE) | frozenset(PUBLIC)
    fault_kinds = frozenset(FaultKind)
    socket_path: str | None = PATH

    def __init__(self, kraken: Kraken) -> None:
        self._kraken = kraken
        self._keys = kraken.keys
        self.exchange = kraken.exchange

    def app(self) -> Application:
        """Kraken's REST API and its private WebSocket."""
        return Door(KrakenProtocol(self._kraken), KrakenFaultAnswers(self._kraken), socket_door(self._kraken))

    def check_account(self, wanted: NewAccount) -> None:
        """Raises ValueError for an unknown asset or permission, a used key, or a secret that is not base64."""
        assert isinstance(wanted, KrakenAccount)
        self._check_assets(wanted.balances)
        check_permissions(wanted.permissions)
        self._keys.check_unused(wanted.api_key)
        if wanted.api_secret is not None:
            try:
                base64.b64decode(wanted.api_secret, validate=True)
            except ValueError as error:
                raise ValueError(f"the secret of {wanted.name} is not base64: {error}") from error

    def open_account(self, wanted: NewAccount) -> dict[str, str]:
        """Opens an account with one key."""
        assert isinstance(wanted, KrakenAccount)
        account = Account(wanted.name, NAME, wanted.fee_rate)
        made_key, made_secret = self._keys.make(wanted.name)
        key = ApiKey(
            account,
            wanted.api_key or made_key,
            wanted.api_secret or made_secret,
            permissions=frozenset(wanted.permissions),
            nonce_window=wanted.nonce_window,
            valid_until=wanted.valid_until,
            ip_allowlist=tuple(wanted.ip_allowlist),
            tier=wanted.tier,
            created_at=self.exchange.clock.now(),
        )
        self._keys.add(key)
        open_account(self.exchange, account, wanted.balances)
        return {"name": account.name, "venue": NAME, "api_key": key.key, "api_secret": key.secret}

    def describe_account(self, account: Account) -> dict[str, Any]:
        """With permissions, the highest nonce, the call counter now, nonce window, tier and number of subscriptions."""
        key = self._keys.by_account[account.name]
        return describe(self.exchange, account) | {
            "permissions": sorted(key.permissions),
            "nonce": key.nonce,
            "counter": key.call_level(),
            "nonce_window": key.nonce_window,
            "tier": key.tier,
            "subscriptions": len(account.watchers),
        }

    def change_account(self, account: Account, change: AccountChange) -> None:
        """Raises ValueError for an unknown asset or permission."""
        assert isinstance(change, KrakenAccountChange)
        key = self._keys.by_account[account.name]
        self._check_assets(change.balances or {})
        if change.permissions is not None:
            key.permissions = check_permissions(change.permissions)
        if change.nonce_window is not None:
            key.nonce_window = change.nonce_window
        if change.tier is not None:
            key.tier = change.tier
        change_account(self.exchange, account, change)

    def _check_assets(self, wanted: dict[str, Any]) -> None:
        check_assets(NAME, self._kraken.catalogue.assets, wanted)


def build(world: World, **settings: Any) -> KrakenVenue:
    """A venue with markets and no accounts; `settings` are fields of Settings."""
    catalogue = Catalogue()
    exchange = Exchange(
        world=world,
        instruments=catalogue.instruments,
        first_prices=catalogue.start_prices,
        identifiers=KrakenIdentifiers(f"{world.seed}:{time.time_ns()}"),
        settings=Settings(**settings),
    )
    return KrakenVenue(Kraken(exchange, catalogue, KeyRing(world.seed)))
