"""Coinbase's answers about products, prices, wallets and keys, read into words of the domain. Pure.

Shapes: Coinbase Advanced Trade REST docs, pages of the endpoints named in each docstring. Numbers come as strings; an
empty string stands for "none". What cannot be read raises :class:`bot.domain.errors.VenueUnclear`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.brokers.answers import amount_of, mapping_of, text_of, whole_of
from bot.brokers.coinbase.reading import price_or_none, rows_of
from bot.brokers.market import Quote
from bot.brokers.symbols import SymbolNames, SymbolTable, spellings
from bot.domain.enums import InstrumentStatus
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.instruments import Instrument
from bot.domain.money import ONE, ZERO, positive

_log = logging.getLogger("nija.coinbase")

#: Money of futures portfolios, and what lies in vaults, buys no coins.
_OTHER_PLATFORMS = ("ACCOUNT_PLATFORM_CFM_CONSUMER", "ACCOUNT_PLATFORM_INTX")
_VAULT = "VAULT"
#: Flag of a product -> what it leaves possible; the first that is set counts.
_FLAGS = {
    "is_disabled": InstrumentStatus.OFFLINE,
    "trading_disabled": InstrumentStatus.OFFLINE,
    "view_only": InstrumentStatus.OFFLINE,
    "auction_mode": InstrumentStatus.OFFLINE,
    "cancel_only": InstrumentStatus.CANCEL_ONLY,
    "post_only": InstrumentStatus.POST_ONLY,
    "limit_only": InstrumentStatus.LIMIT_ONLY,
}


@dataclass(frozen=True, slots=True)
class Product:
    """A product: ``product_id`` is its name at the venue, ``price`` its last trade's; None when there is none."""

    instrument: Instrument
    product_id: str
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class KeyPermissions:
    """What a key may do."""

    can_view: bool
    can_trade: bool
    can_transfer: bool


# -- market data -----------------------------------------------------------------------------------------------------


def parse_products(answer: Any) -> list[Product]:
    """All spot products that can be read (List Public Products); the others are logged and left out."""
    found: dict[str, Product] = {}
    for row in rows_of(answer, "products"):
        name = row.get("product_id")
        if row.get("product_type", "SPOT") != "SPOT":
            continue
        try:
            product = _parse_product(row)
        except (InvalidAmount, VenueUnclear) as error:
            _log.warning("Coinbase product %s is left out: %s", name, error)
            continue
        found.setdefault(product.instrument.symbol, product)
    return list(found.values())


def parse_next_page(answer: Any) -> str | None:
    """The cursor of the next page of products; None after the last one, or where they come in one piece."""
    pagination = answer.get("pagination") if isinstance(answer, Mapping) else None
    if not isinstance(pagination, Mapping):
        return None
    return parse_cursor({"has_next": pagination.get("has_next"), "cursor": pagination.get("next_cursor")})


def symbol_table(products: Iterable[Product]) -> SymbolTable:
    """Every spelling of the products: ids, and currencies with ``-``, ``/`` or nothing between."""
    return SymbolTable(
        SymbolNames(
            product.instrument.symbol,
            (product.product_id,),
            spellings([product.instrument.base], [product.instrument.quote]),
        )
        for product in products
    )


def parse_ticker(answer: Any, at: float = 0.0) -> Quote:
    """The best prices of one product (Get Public Market Trades).

    Raises:
        VenueUnclear: nobody bids, or nobody offers.
    """
    row = mapping_of(answer, "the ticker")
    try:
        bid, ask = positive(row.get("best_bid"), "best bid"), positive(row.get("best_ask"), "best ask")
    except InvalidAmount as error:
        raise VenueUnclear(f"{error} in the venue's answer") from error
    trades = row.get("trades")
    last = trades[0].get("price") if isinstance(trades, list) and trades and isinstance(trades[0], Mapping) else None
    return Quote(bid, ask, price_or_none(last) or (bid + ask) / 2, at)


# -- the account -----------------------------------------------------------------------------------------------------


def parse_accounts(answer: Any) -> list[tuple[str, Decimal, Decimal]]:
    """Code, available and held amount of each wallet of a page that holds something (List Accounts)."""
    found = []
    for row in rows_of(answer, "accounts"):
        code = text_of(row, "currency", "a wallet")
        if row.get("platform") in _OTHER_PLATFORMS or _VAULT in str(row.get("type")):
            continue
        free = amount_of(mapping_of(row.get("available_balance"), f"the balance of {code}"), "value", code)
        hold = row.get("hold")
        bound = ZERO if hold is None else amount_of(mapping_of(hold, f"what is held of {code}"), "value", code, ZERO)
        if free or bound:
            found.append((code, free, bound))
    return found


def parse_cursor(answer: Any) -> str | None:
    """The cursor of the next page (``has_next``, ``cursor``); None after the last one.

    Raises:
        VenueUnclear: there is a next page and no way to it.
    """
    row = mapping_of(answer, "a page")
    if not row.get("has_next"):
        return None
    cursor = row.get("cursor")
    if not isinstance(cursor, str) or not cursor:
        raise VenueUnclear("the venue's answer has a next page and no cursor")
    return cursor


def parse_fee_rate(answer: Any) -> Decimal:
    """The taker fee as a rate, 0.009 for 0.9 % (Get Transactions Summary)."""
    tier = mapping_of(mapping_of(answer, "the summary").get("fee_tier"), "the fee tier")
    rate = amount_of(tier, "taker_fee_rate", "the fee tier")
    if not ZERO <= rate < ONE:
        raise VenueUnclear(f"the taker fee rate cannot be {rate}")
    return rate


def parse_permissions(answer: Any) -> KeyPermissions:
    """What the key may do (Get API Key Permissions)."""
    row = mapping_of(answer, "the key's permissions")
    for name in ("can_trade", "can_transfer"):
        if not isinstance(row.get(name), bool):
            raise VenueUnclear(f"the venue does not say whether the key may {name.removeprefix('can_')}")
    return KeyPermissions(row.get("can_view") is True, row["can_trade"], row["can_transfer"])


def parse_time(answer: Any) -> float:
    """The venue's clock, unix seconds (Get Server Time)."""
    return float(whole_of(text_of(mapping_of(answer, "the time"), "epochMillis", "the time"), "epochMillis")) / 1000


def parse_preview(answer: Any) -> str:
    """What the venue has against an order, its words with commas between; empty when nothing (Preview Order)."""
    errors = mapping_of(answer, "the preview").get("errs") or ()
    if not isinstance(errors, list | tuple):
        raise VenueUnclear("the preview has no list of errors")
    return ", ".join(str(error) for error in errors)


def _parse_product(row: Mapping[str, Any]) -> Product:
    product_id = text_of(row, "product_id", "a product")
    base, quote = text_of(row, "base_currency_id", product_id), text_of(row, "quote_currency_id", product_id)
    quote_step = positive(row.get("quote_increment"), "quote_increment")
    instrument = Instrument(
        symbol=f"{base}-{quote}",
        base=base,
        quote=quote,
        lot_step=positive(row.get("base_increment"), "base_increment"),
        price_step=positive(row.get("price_increment") or quote_step, "price_increment"),
        minimum_size=amount_of(row, "base_min_size", product_id, ZERO),
        minimum_cost=amount_of(row, "quote_min_size", product_id, ZERO),
        status=_status(row),
        quote_step=quote_step,
    )
    return Product(instrument, product_id, price_or_none(row.get("price")))


def _status(row: Mapping[str, Any]) -> InstrumentStatus:
    # Delisted ones have an empty status.
    if row.get("status") != "online":
        return InstrumentStatus.OFFLINE
    return next((status for flag, status in _FLAGS.items() if row.get(flag)), InstrumentStatus.ONLINE)
