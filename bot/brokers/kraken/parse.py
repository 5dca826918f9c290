"""Kraken's answers, read into words of the domain. Pure: no clock, no network.

Shapes: Kraken REST docs, pages of the methods named in each docstring. Numbers come as strings or as JSON numbers,
which the client reads as int or Decimal. What cannot be read raises :class:`bot.domain.errors.VenueUnclear`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from bot.brokers.symbols import SymbolNames, SymbolTable, spellings
from bot.domain.enums import InstrumentStatus, Side
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.ids import ClientOrderId, TradeId, VenueOrderId
from bot.domain.instruments import Instrument
from bot.domain.money import ONE, ZERO, positive, to_decimal
from bot.domain.orders import Fill, MarketOrder, OrderReport, VenueOrder

_log = logging.getLogger("nija.kraken")

_RENAMED = {"XBT": "BTC", "XDG": "DOGE"}
_OLD_NAMES = {code: old for old, code in _RENAMED.items()}
#: Dark pools repeat a pair under the same currencies.
_DARK_POOL = ".d"
#: Balances that earn, are staked or are tokens of something: shown, not spendable by that name.
_LOCKED_SUFFIXES = (".S", ".M", ".B", ".F", ".P", ".T", ".HOLD")
_FINAL_STATUSES = frozenset({"closed", "canceled", "expired"})
#: Kraken REST docs, ClosedOrders.
_ORDERS_A_PAGE = 50
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
class Quote:
    """Best prices of a symbol, quote currency per base. ``at`` is unix seconds of the question, 0 when not known."""

    bid: Decimal
    ask: Decimal
    last: Decimal
    at: float = 0.0


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
    for asset_id, row in _mapping(assets, "Assets").items():
        altname = row.get("altname") if isinstance(row, Mapping) else None
        names[asset_id] = _code(altname if isinstance(altname, str) and altname else asset_id)
    return names


def parse_pairs(assets: Any, pairs: Any) -> list[KrakenPair]:
    """All pairs that can be read, in the venue's order (Assets, AssetPairs); the others are logged and left out."""
    names = parse_asset_names(assets)
    found: dict[str, KrakenPair] = {}
    for pair_id, row in _mapping(pairs, "AssetPairs").items():
        try:
            pair = _parse_pair(pair_id, _mapping(row, pair_id), names)
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
    for asset_id, row in _mapping(result, "balances").items():
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
    for asset_id, row in _mapping(result, "balances").items():
        if asset_id.endswith(_LOCKED_SUFFIXES):
            code = _locked_code(asset_id.rpartition(".")[0], names)
            locked[code] = locked.get(code, ZERO) + sum(_free_and_bound(row, asset_id))
    return locked


def parse_ticker(result: Any, table: SymbolTable, at: float = 0.0) -> dict[str, Quote]:
    """Quotes per canonical symbol (Ticker); pairs that are not listed or have no price are left out."""
    quotes = {}
    for name, row in _mapping(result, "Ticker").items():
        try:
            quotes[table.canonical(name)] = _parse_quote(_mapping(row, name), name, at)
        except (InvalidAmount, VenueUnclear) as error:
            _log.debug("Kraken's price of %s is left out: %s", name, error)
    return quotes


def parse_order_id(result: Any) -> VenueOrderId:
    """The id of the order just placed (AddOrder).

    Raises:
        VenueUnclear: the answer names none, so nobody knows whether there is one.
    """
    ids = result.get("txid") if isinstance(result, Mapping) else None
    if not isinstance(ids, list) or not ids or not isinstance(ids[0], str) or not ids[0]:
        raise VenueUnclear("the answer names no order")
    return VenueOrderId(ids[0])


def parse_order_ids(result: Any, key: str, order: MarketOrder) -> list[VenueOrderId]:
    """Ids of the orders that carry an order's own client order id (OpenOrders, ClosedOrders, asked with ``cl_ord_id``).

    Args:
        key: ``open`` or ``closed``.

    Raises:
        VenueUnclear: the answer has no such list, so it says nothing.
    """
    return [VenueOrderId(txid) for txid, row in _listed(result, key).items() if _is_of(row, order)]


def parse_orders(result: Any, key: str, canonical: Callable[[str], str]) -> list[VenueOrder]:
    """Every order of a list (OpenOrders, ClosedOrders), in the venue's order.

    Args:
        key: ``open`` or ``closed``.
        canonical: the symbol of one of the venue's spellings; raises InvalidAmount when it is not listed.

    Raises:
        VenueUnclear: the answer has no such list, or one of its orders cannot be read.
    """
    return [_parse_listed(txid, row, canonical) for txid, row in _listed(result, key).items()]


def parse_next_offset(result: Any, offset: int) -> int | None:
    """Where the next page begins (ClosedOrders, 50 a page); None after the last one."""
    rows = _listed(result, "closed")
    following = offset + len(rows)
    there_is_more = (
        len(rows) >= _ORDERS_A_PAGE
        if result.get("count") is None
        else following < _whole(result["count"], "the count of closed orders")
    )
    return following if rows and there_is_more else None


def _listed(result: Any, key: str) -> Mapping[str, Any]:
    rows = result.get(key) if isinstance(result, Mapping) else None
    if not isinstance(rows, Mapping):
        raise VenueUnclear(f"the answer has no {key} orders")
    return rows


def _parse_listed(txid: str, order: Any, canonical: Callable[[str], str]) -> VenueOrder:
    row = _mapping(order, f"order {txid}")
    described = _mapping(row.get("descr"), f"descr of order {txid}")
    name = row.get("cl_ord_id")
    try:
        side = Side(_text(described, "type", txid))
    except ValueError as error:
        raise VenueUnclear(f"the side of order {txid} is {described['type']!r} in the venue's answer") from error
    return VenueOrder(
        order_id=VenueOrderId(txid),
        client_order_id=ClientOrderId(str(name)) if name else None,
        symbol=_symbol(_text(described, "pair", txid), canonical),
        side=side,
        quantity=_amount(row, "vol", txid),
        executed=_amount(row, "vol_exec", txid),
        cost=_amount(row, "cost", txid),
        fee=_amount(row, "fee", txid, ZERO),
        open=_text(row, "status", txid) not in _FINAL_STATUSES,
        time=_seconds(row, "opentm"),
    )


def _symbol(spelling: str, canonical: Callable[[str], str]) -> str:
    try:
        return canonical(spelling)
    except InvalidAmount:
        return spelling


def _is_of(row: Any, order: MarketOrder) -> bool:
    name = row.get("cl_ord_id") if isinstance(row, Mapping) else None
    if name:
        return bool(name == order.client_order_id)
    # Only what was asked for is in the answer, but where the name is left out side and size must fit as well.
    described = _mapping(_mapping(row, "an order").get("descr"), "an order's descr")
    return described.get("type") == order.side.value and _amount(row, "vol", "an order") == order.quantity


def parse_order(txid: str, order: Any, trades: Any = None, *, symbol: str = "") -> OrderReport:
    """What became of an order (QueryOrders, OpenOrders, ClosedOrders).

    Args:
        txid: the key it stands under.
        order: the row.
        trades: result of QueryTrades, needed for the single fills when there are several.
        symbol: canonical; names the currency of the fee.
    """
    row = _mapping(order, f"order {txid}")
    executed, cost = _amount(row, "vol_exec", txid), _amount(row, "cost", txid)
    price = _amount(row, "price", txid, ZERO)
    status = _text(row, "status", txid)
    report = OrderReport(
        order_id=VenueOrderId(txid),
        executed=executed,
        average_price=price if price > 0 or not executed else cost / executed,
        cost=cost,
        fee=_amount(row, "fee", txid, ZERO),
        fee_currency=_fee_currency(row, symbol),
        final=status in _FINAL_STATUSES,
        reason=_reason(row, status),
    )
    fills = _fills_of(row, report, trades) if executed > 0 else ()
    return replace(report, fills=fills)


def parse_trade(trade_id: str, trade: Any, fee_currency: str = "") -> Fill:
    """One trade (QueryTrades, TradesHistory)."""
    row = _mapping(trade, f"trade {trade_id}")
    return Fill(
        trade_id=TradeId(trade_id),
        quantity=_amount(row, "vol", trade_id),
        price=_amount(row, "price", trade_id),
        cost=_amount(row, "cost", trade_id),
        fee=_amount(row, "fee", trade_id, ZERO),
        fee_currency=fee_currency,
        time=_seconds(row, "time"),
    )


def parse_fee_rate(result: Any, pair_id: str) -> Decimal | None:
    """The taker fee of a pair as a rate, 0.0026 for 0.26 % (TradeVolume); None when the answer does not tell."""
    fees = _mapping(result, "TradeVolume").get("fees")
    row = fees.get(pair_id) if isinstance(fees, Mapping) else None
    if not isinstance(row, Mapping) or row.get("fee") is None:
        return None
    rate = _amount(row, "fee", pair_id) / _PERCENT
    if not ZERO <= rate < ONE:
        raise VenueUnclear(f"the fee of {pair_id} cannot be {row['fee']} %")
    return rate


def parse_key_info(result: Any) -> KeyInfo:
    """What the key may do (GetApiKeyInfo; the docs and the live venue spell its fields differently)."""
    row = _mapping(result, "GetApiKeyInfo")
    permissions = row.get("permissions")
    if not isinstance(permissions, list):
        raise VenueUnclear("GetApiKeyInfo names no permissions")
    addresses = _either(row, "ip_allowlist", "ipAllowlist") or ()
    return KeyInfo(
        permissions=frozenset(str(permission) for permission in permissions),
        nonce_window=_whole(_either(row, "nonce_window", "nonceWindow"), "nonce window"),
        allowed_addresses=tuple(str(address) for address in addresses if address),
        valid_until=_whole(_either(row, "valid_until", "validUntil"), "valid until") or None,
    )


def _code(altname: str) -> str:
    return _RENAMED.get(altname, altname)


def _code_of(asset_id: str, names: Mapping[str, str]) -> str:
    return names.get(asset_id) or _code(asset_id)


def _locked_code(stem: str, names: Mapping[str, str]) -> str:
    # Bonded coins carry their days, DOT28.S.
    known = stem in names or stem in names.values()
    return _code_of(stem if known else stem.rstrip("0123456789"), names)


def _parse_pair(pair_id: str, row: Mapping[str, Any], names: Mapping[str, str]) -> KrakenPair:
    base, quote = _code_of(_text(row, "base", pair_id), names), _code_of(_text(row, "quote", pair_id), names)
    tick = row.get("tick_size")
    instrument = Instrument(
        symbol=f"{base}-{quote}",
        base=base,
        quote=quote,
        lot_step=_step(row, "lot_decimals", pair_id),
        price_step=_step(row, "pair_decimals", pair_id) if tick is None else positive(tick, "tick_size"),
        minimum_size=_amount(row, "ordermin", pair_id, ZERO),
        minimum_cost=_amount(row, "costmin", pair_id, ZERO),
        status=_status(row.get("status", "online")),
    )
    altname = _text(row, "altname", pair_id)
    return KrakenPair(
        instrument, pair_id, altname, _whole(row.get("cost_decimals", 5), "cost_decimals"), str(row.get("wsname") or "")
    )


def _step(row: Mapping[str, Any], name: str, pair_id: str) -> Decimal:
    decimals = int(_amount(row, name, pair_id))
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
        return _number(row, f"balance of {asset_id}"), ZERO
    bound = _amount(row, "hold_trade", asset_id, ZERO)
    credit = _amount(row, "credit", asset_id, ZERO) - _amount(row, "credit_used", asset_id, ZERO)
    return _amount(row, "balance", asset_id) + credit - bound, bound


def _parse_quote(row: Mapping[str, Any], name: str, at: float) -> Quote:
    prices = []
    for side in ("b", "a", "c"):
        levels = row.get(side)
        if not isinstance(levels, list) or not levels:
            raise VenueUnclear(f"{name} has no {side!r}")
        prices.append(positive(levels[0], f"price of {name}"))
    bid, ask, last = prices
    return Quote(bid, ask, last, at)


def _fee_currency(row: Mapping[str, Any], symbol: str) -> str:
    base, _, quote = symbol.partition("-")
    return base if "fcib" in str(row.get("oflags") or "").split(",") else quote


def _reason(row: Mapping[str, Any], status: str) -> str:
    reason = str(row.get("reason") or "")
    return reason or (status if status in ("canceled", "expired") else "")


def _fills_of(row: Mapping[str, Any], report: OrderReport, trades: Any) -> tuple[Fill, ...]:
    listed = row.get("trades")
    trade_ids = [str(trade_id) for trade_id in listed] if isinstance(listed, list) else []
    known = trades if isinstance(trades, Mapping) else {}
    if trade_ids and all(trade_id in known for trade_id in trade_ids):
        return tuple(parse_trade(trade_id, known[trade_id], report.fee_currency) for trade_id in trade_ids)
    # Without the single trades the order is told as one: sums are exact, the split is not known.
    trade_id = trade_ids[0] if len(trade_ids) == 1 else report.order_id
    time = _seconds(row, "closetm") or _seconds(row, "opentm")
    return (
        Fill(
            TradeId(trade_id), report.executed, report.average_price, report.cost, report.fee, report.fee_currency, time
        ),
    )


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise VenueUnclear(f"{what} is no object in the venue's answer")
    return value


def _text(row: Mapping[str, Any], name: str, what: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise VenueUnclear(f"{what} has no {name} in the venue's answer")
    return value


def _amount(row: Mapping[str, Any], name: str, what: str, missing: Decimal | None = None) -> Decimal:
    value = row.get(name)
    if value is None:
        if missing is None:
            raise VenueUnclear(f"{what} has no {name} in the venue's answer")
        return missing
    return _number(value, f"{name} of {what}")


def _number(value: Any, what: str) -> Decimal:
    try:
        return to_decimal(value, what)
    except InvalidAmount as error:
        raise VenueUnclear(f"{error} in the venue's answer") from error


def _seconds(row: Mapping[str, Any], name: str) -> float:
    return float(_amount(row, name, name, ZERO))


def _whole(value: Any, what: str) -> int:
    number = _number(0 if value is None or value == "" else value, what)
    if number != number.to_integral_value() or number < 0:
        raise VenueUnclear(f"{what} is {value!r} in the venue's answer")
    return int(number)


def _either(row: Mapping[str, Any], *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)
