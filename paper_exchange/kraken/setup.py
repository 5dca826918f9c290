"""Builds the venue, and opens accounts at it."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from paper_exchange.core.accounts import Account
from paper_exchange.core.clock import Clock
from paper_exchange.core.exchange import Exchange
from paper_exchange.core.prices import PriceSource
from paper_exchange.core.settings import Settings
from paper_exchange.kraken.identifiers import KrakenIdentifiers
from paper_exchange.kraken.instruments import Catalogue
from paper_exchange.kraken.keys import DEFAULT_PERMISSIONS, ApiKey, KeyRing, check_permissions
from paper_exchange.kraken.limits import Tier
from paper_exchange.kraken.venue import NAME, Kraken


class NameTaken(ValueError):
    """There is an account of this name already."""


PriceChoice = Callable[[Catalogue, Clock], PriceSource]


def build(choose_prices: PriceChoice, settings: Settings, seed: int) -> Kraken:
    """A venue with markets and no accounts."""
    clock, catalogue = Clock(), Catalogue()
    exchange = Exchange(
        instruments=catalogue.instruments,
        prices=choose_prices(catalogue, clock),
        identifiers=KrakenIdentifiers(f"{seed}:{time.time_ns()}"),
        clock=clock,
        settings=settings,
        seed=seed,
    )
    return Kraken(exchange, catalogue, KeyRing(seed))


def open_account(
    venue: Kraken,
    *,
    name: str,
    balances: Mapping[str, Decimal],
    permissions: Iterable[str] = DEFAULT_PERMISSIONS,
    nonce_window: int = 0,
    tier: Tier = Tier.INTERMEDIATE,
    fee_rate: Decimal | None = None,
    api_key: str | None = None,
    api_secret: str | None = None,
) -> ApiKey:
    """Opens an account with one key; raises ValueError as check_new_account does."""
    check_new_account(venue, name, balances, permissions, api_secret)
    account = Account(name, NAME, fee_rate)
    made_key, made_secret = venue.keys.make(name)
    key = ApiKey(
        account,
        api_key or made_key,
        api_secret or made_secret,
        permissions=frozenset(permissions),
        nonce_window=nonce_window,
        tier=tier,
        created_at=venue.exchange.clock.now(),
    )
    venue.keys.add(key)
    venue.exchange.accounts[name] = account
    for asset, amount in balances.items():
        venue.exchange.engine.deposit(account, asset, amount)
    return key


def check_new_account(
    venue: Kraken, name: str, balances: Mapping[str, Decimal], permissions: Iterable[str], api_secret: str | None
) -> None:
    """Raises NameTaken, or ValueError for an unknown asset or permission or a secret that is not base64."""
    if name in venue.exchange.accounts:
        raise NameTaken(f"account {name} exists already")
    check_assets(venue, balances)
    check_permissions(permissions)
    if api_secret is not None:
        try:
            base64.b64decode(api_secret, validate=True)
        except ValueError as error:
            raise ValueError(f"the secret of {name} is not base64: {error}") from error


def check_assets(venue: Kraken, balances: Mapping[str, Decimal]) -> None:
    """Raises ValueError for an asset that is not listed."""
    unknown = sorted(set(balances) - set(venue.catalogue.assets))
    if unknown:
        raise ValueError(f"unknown assets: {', '.join(unknown)}; known are: {', '.join(venue.catalogue.assets)}")
