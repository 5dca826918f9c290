"""Kraken's answers about pairs, prices, balances and keys, read into words of the domain. Pure: no clock, no network.

Shapes: Kraken REST docs, pages of the methods named in each docstring. Numbers come as strings or as JSON numbers,
which the client reads as int or Decimal. What cannot be read raises :class:`bot.domain.errors.VenueUnclear`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.brokers.answers import amount_of, mapping_of, number_of, text_of, whole_of
from bot.brokers.market import Quote
from bot.brokers.symbols import SymbolNames, SymbolTable, spellings
from bot.domain.enums import InstrumentStatus
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.instruments import COMMON_CODES, Instrument
from bot.domain.money import ONE, ZERO, positive

_log = logging.getLogger("nija.kraken")

_OLD_NAMES = {code: old for old, code in COMMON_CODES.items()}
#: Dark pools repeat a pair under the same currencies.
_DARK_POOL = ".d"
#: Balances that earn, are staked or are tokens of something: shown, not spendable by that name.
_LOCKED_SUFFIXES = (".S", ".M", ".B", ".F", ".P", ".T", ".HOLD")
_PERCENT = Decimal(100)
_MOST_DECIMALS = 30


@dataclass(frozen=True, slots=True)
class KrakenPair:
    """A pair as Kraken names it.

    Attributes:
        pair_id: key of answers, ``XXBTZUSD``.
        altname: what orders and questions name it, ``XBTUSD``.
        cost_decimals: decimals of what an order costs.
        wsname: the older WebSocket's name, ``XBT/USD``.
    """

    instrument: Instrument
    pair_id: str
    altname: str
    cost_decimals: int
    wsname: str = ""


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What a key may do.

    Attributes:
        permissions: Kraken's words, ``query-funds``, ``modify-trades``...
        nonce_window: how far below the highest a nonce may be; anything but 0 weakens replay protection.
        allowed_addresses: IP addresses that may use it; empty for any.
        valid_until: unix seconds; None for ever.
    """

    permissions: frozenset[str]
    nonce_window: int
    allowed_addresses: tuple[str, ...]
    valid_until: int | None


def parse_asset_names(assets: Any) -> dict[str, str]:
    """Asset id -> code people know: ``XXBT`` -> BTC, ``XXDG`` -> DOGE, ``ZUSD`` -> USD (Assets)."""
    names = {}
    for asset_id, row in mapping_of(assets, "Assets").items():
        altname = row.get("altname") if isinstance(row, Mapping) else None
        names[asset_id] = _code(altname if isinstance(altname, str) and altname else asset_id)
    return names


def parse_pairs(assets: Any, pairs: Any) -> list[KrakenPair]:
    """All pairs that can be read, in the venue's order (Assets, AssetPairs); the others are logged and left out."""
    names = parse_asset_names(assets)
    found: dict[str, KrakenPair] = {}
    for pair_id, row in mapping_of(pairs, "AssetPairs").items():
        try:
            pair = _parse_pair(pair_id, mapping_of(row, pair_id), names)
        except (InvalidAmount, VenueUnclear) as error:
            _log.warning("Kraken pair %s is left out: %s", pair_id, error)
            continue
        if pair.altname.endswith(_DARK_POOL):
            continue
        first = found.setdefault(pair.instrument.symbol, pair)
        if first is not pair:
            _log.warning(
                "Kraken pair %s is left out: %s is %s already", pair_id, first.instrument.symbol, first.pair_id
            )
    return list(found.values())


def symbol_table(pairs: Iterable[KrakenPair]) -> SymbolTable:
    """Every spelling of the pairs: ids, altnames, old and new currency names with ``-``, ``/`` or nothing between."""
    return SymbolTable(_names_of(pair) for pair in pairs)


def parse_balances(result: Any, names: Mapping[str, str]) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Spendable and held amounts per code (BalanceEx, or Balance, which knows nothing of held ones).

    Balances that earn or are staked are left out, see :func:`parse_locked_balances`.
    """
    available: dict[str, Decimal] = {}
    held: dict[str, Decimal] = {}
    for asset_id, row in mapping_of(result, "balances").items():
        if asset_id.endswith(_LOCKED_SUFFIXES):
            continue
        code = _code_of(asset_id, names)
        free, bound = _free_and_bound(row, asset_id)
        available[code] = available.get(code, ZERO) + free
        if bound:
            held[code] = held.get(code, ZERO) + bound
    return available, held


def parse_locked_balances(result: Any, names: Mapping[str, str]) -> dict[str, Decimal]:
    """Amounts per code that earn or are staked: part of the equity, not spendable (BalanceEx or Balance)."""
    locked: dict[str, Decimal] = {}
    for asset_id, row in mapping_of(result, "balances").items():
        if asset_id.endswith(_LOCKED_SUFFIXES):
            code = _locked_code(asset_id.rpartition(".")[0], names)
            locked[code] = locked.get(code, ZERO) + sum(_free_and_bound(row, asset_id))
    return locked


def parse_ticker(result: Any, table: SymbolTable, at: float = 0.0) -> dict[str, Quote]:
    """Quotes per canonical symbol (Ticker); pairs that are not listed or have no price are left out."""
    quotes = {}
    for name, row in mapping_of(result, "Ticker").items():
        try:
            quotes[table.canonical(name)] = _parse_quote(mapping_of(row, name), name, at)
        except (InvalidAmount, VenueUnclear) as error:
            _log.debug("Kraken's price of %s is left out: %s", name, error)
    return quotes


def parse_fee_rate(result: Any, pair_id: str) -> Decimal | None:
    """The taker fee of a pair as a rate, 0.0026 for 0.26 % (TradeVolume); None when the answer does not tell."""
    fees = mapping_of(result, "TradeVolume").get("fees")
    row = fees.get(pair_id) if isinstance(fees, Mapping) else None
    if not isinstance(row, Mapping) or row.get("fee") is None:
        return None
    rate = amount_of(row, "fee", pair_id) / _PERCENT
    if not ZERO <= rate < ONE:
        raise VenueUnclear(f"the fee of {pair_id} cannot be {row['fee']} %")
    return rate


def parse_socket_token(result: Any) -> str:
    """What the private socket wants to be told (GetWebSocketsToken)."""
    return text_of(mapping_of(result, "GetWebSocketsToken"), "token", "GetWebSocketsToken")


def parse_key_info(result: Any) -> KeyInfo:
    """What the key may do (GetApiKeyInfo; the docs and the live venue spell its fields differently)."""
    row = mapping_of(result, "GetApiKeyInfo")
    permissions = row.get("permissions")
    if not isinstance(permissions, list):
        raise VenueUnclear("GetApiKeyInfo names no permissions")
    addresses = _either(row, "ip_allowlist", "ipAllowlist") or ()
    return KeyInfo(
        permissions=frozenset(str(permission) for permission in permissions),
        nonce_window=whole_of(_either(row, "nonce_window", "nonceWindow"), "nonce window"),
        allowed_addresses=tuple(str(address) for address in addresses if address),
        valid_until=whole_of(_either(row, "valid_until", "validUntil"), "valid until") or None,
    )


def parse_time(result: Any) -> float:
    """The venue's clock, unix seconds (Time); told in whole ones, of which the middle is taken."""
    return float(amount_of(mapping_of(result, "Time"), "unixtime", "Time")) + 0.5


def _code(altname: str) -> str:
    return COMMON_CODES.get(altname, altname)


def _code_of(asset_id: str, names: Mapping[str, str]) -> str:
    return names.get(asset_id) or _code(asset_id)


def _locked_code(stem: str, names: Mapping[str, str]) -> str:
    # Bonded coins carry their days, DOT28.S.
    known = stem in names or stem in names.values()
    return _code_of(stem if known else stem.rstrip("0123456789"), names)


def _parse_pair(pair_id: str, row: Mapping[str, Any], names: Mapping[str, str]) -> KrakenPair:
    base, quote = _code_of(text_of(row, "base", pair_id), names), _code_of(text_of(row, "quote", pair_id), names)
    tick = row.get("tick_size")
    instrument = Instrument(
        symbol=f"{base}-{quote}",
        base=base,
        quote=quote,
        lot_step=_step(row, "lot_decimals", pair_id),
        price_step=_step(row, "pair_decimals", pair_id) if tick is None else positive(tick, "tick_size"),
        minimum_size=amount_of(row, "ordermin", pair_id, ZERO),
        minimum_cost=amount_of(row, "costmin", pair_id, ZERO),
        status=_status(row.get("status", "online")),
    )
    altname = text_of(row, "altname", pair_id)
    cost_decimals = whole_of(row.get("cost_decimals", 5), "cost_decimals")
    return KrakenPair(instrument, pair_id, altname, cost_decimals, str(row.get("wsname") or ""))


def _step(row: Mapping[str, Any], name: str, pair_id: str) -> Decimal:
    decimals = int(amount_of(row, name, pair_id))
    if not 0 <= decimals <= _MOST_DECIMALS:
        raise VenueUnclear(f"{name} of {pair_id} is {decimals} in the venue's answer")
    return ONE.scaleb(-decimals)


def _status(text: Any) -> InstrumentStatus:
    try:
        return InstrumentStatus(text)
    except ValueError:
        return InstrumentStatus.OFFLINE


def _names_of(pair: KrakenPair) -> SymbolNames:
    base, quote = pair.instrument.base, pair.instrument.quote
    names = (pair.pair_id, pair.altname, *([pair.wsname] if pair.wsname else []))
    bases, quotes = ((code, _OLD_NAMES[code]) if code in _OLD_NAMES else (code,) for code in (base, quote))
    return SymbolNames(pair.instrument.symbol, names, spellings(bases, quotes))


def _free_and_bound(row: Any, asset_id: str) -> tuple[Decimal, Decimal]:
    if not isinstance(row, Mapping):
        return number_of(row, f"balance of {asset_id}"), ZERO
    bound = amount_of(row, "hold_trade", asset_id, ZERO)
    credit = amount_of(row, "credit", asset_id, ZERO) - amount_of(row, "credit_used", asset_id, ZERO)
    return amount_of(row, "balance", asset_id) + credit - bound, bound


def _parse_quote(row: Mapping[str, Any], name: str, at: float) -> Quote:
    prices = []
    for side in ("b", "a", "c"):
        levels = row.get(side)
        if not isinstance(levels, list) or not levels:
            raise VenueUnclear(f"{name} has no {side!r}")
        prices.append(positive(levels[0], f"price of {name}"))
    bid, ask, last = prices
    return Quote(bid, ask, last, at)


def _either(row: Mapping[str, Any], *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)
