"""Alpaca's answers, read into words of the domain. Pure: no clock, no network.

Shapes: Alpaca docs, pages of the calls named in each docstring. Numbers come as strings, those of market data as JSON
numbers, which the client reads as int or Decimal. What cannot be read raises :class:`bot.domain.errors.VenueUnclear`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.brokers.alpaca.fees import COIN_STEP, fee_of, taker_rate
from bot.brokers.alpaca.limits import ORDERS_A_PAGE
from bot.brokers.answers import amount_of, list_of, mapping_of, moment_of, text_of
from bot.brokers.market import Quote
from bot.brokers.order_fields import client_order_id_of, side_of, symbol_of
from bot.brokers.symbols import SymbolNames, SymbolTable, spellings
from bot.brokers.worth import total_of
from bot.domain.enums import InstrumentStatus, Side
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.ids import TradeId, VenueOrderId
from bot.domain.instruments import Instrument, split_symbol
from bot.domain.money import DOLLARS, ONE, ZERO, positive
from bot.domain.orders import AccountBalances, Fill, MarketOrder, OrderReport, VenueOrder

_log = logging.getLogger("nija.alpaca")

_DOLLAR = DOLLARS[0]
_CRYPTO = "crypto"
_ACTIVE = "ACTIVE"
#: Words for an order to which nothing more can happen (Alpaca docs, "Order Lifecycle").
_FINAL_STATUSES = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})
#: What an account may be told by the venue, and what to do about it.
_BLOCKS = {
    "account_blocked": "the account is blocked; ask Alpaca why",
    "trading_blocked": "trading is blocked; look into Alpaca's dashboard",
    "transfers_blocked": "transfers are blocked; look into Alpaca's dashboard",
    "trade_suspended_by_user": "trading is suspended by the user; allow it in the settings of Alpaca's dashboard",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class AlpacaAsset:
    """A pair as Alpaca names it.

    Attributes:
        asset_id: the same in assets, orders and positions.
        name: what orders and prices name it, ``BTC/USD``.
    """

    instrument: Instrument
    asset_id: str
    name: str


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """The account itself (GET /v2/account), US dollars.

    Attributes:
        spendable: what of the cash coins can be bought with now.
        trouble: why it cannot trade coins, and the mend; empty when it can.
    """

    cash: Decimal
    spendable: Decimal
    fee_rate: Decimal
    trouble: str


def parse_assets(result: Any, minimum_order_usd: Decimal) -> list[AlpacaAsset]:
    """All pairs that can be read, in the venue's order (GET /v2/assets); the others are logged and left out.

    Args:
        minimum_order_usd: the smallest buy of a pair quoted in dollars, which the answer does not tell.
    """
    found: dict[str, AlpacaAsset] = {}
    for row in list_of(result, "assets"):
        name = row.get("symbol") if isinstance(row, Mapping) else None
        try:
            asset = _parse_asset(mapping_of(row, f"asset {name}"), minimum_order_usd)
        except (InvalidAmount, VenueUnclear) as error:
            _log.warning("Alpaca's asset %s is left out: %s", name, error)
            continue
        if asset is not None:
            found.setdefault(asset.instrument.symbol, asset)
    return list(found.values())


def symbol_table(assets: Iterable[AlpacaAsset]) -> SymbolTable:
    """Every spelling of the pairs: ``BTC/USD`` of orders, ``BTC-USD``, and ``BTCUSD`` of positions."""
    return SymbolTable(
        SymbolNames(
            asset.instrument.symbol, (asset.name,), spellings((asset.instrument.base,), (asset.instrument.quote,))
        )
        for asset in assets
    )


def parse_account(result: Any) -> AccountInfo:
    """What the account is and has (GET /v2/account)."""
    row = mapping_of(result, "the account")
    cash = amount_of(row, "cash", "the account")
    # Coins are never bought on margin, nor with what a sale of stocks has not settled yet.
    spendable = max(min(cash, amount_of(row, "non_marginable_buying_power", "the account")), ZERO)
    return AccountInfo(
        cash=cash,
        spendable=spendable,
        fee_rate=taker_rate(row.get("crypto_tier")),
        trouble=_trouble(row),
    )


def parse_time(result: Any) -> float:
    """The venue's clock, unix seconds (GET /v2/clock)."""
    return moment_of(mapping_of(result, "the clock").get("timestamp"), "timestamp").timestamp()


def parse_balances(info: AccountInfo, positions: Any, coin_of: Callable[[str, str], str], at: float) -> AccountBalances:
    """Money, coins that can be sold, and held ones (GET /v2/positions); stocks and options count in the equity only.

    Args:
        coin_of: the code of a position's asset id and symbol.
        at: unix seconds of the question.
    """
    available, held = {_DOLLAR: info.spendable}, {_DOLLAR: max(info.cash - info.spendable, ZERO)}
    worth: list[Decimal | None] = [info.cash]
    for entry in list_of(positions, "positions"):
        row = mapping_of(entry, "a position")
        symbol = text_of(row, "symbol", "a position")
        if row.get("asset_class") != _CRYPTO:
            worth.append(_worth(row, "market_value", symbol))
            continue
        code = coin_of(str(row.get("asset_id") or ""), symbol)
        total, free = (amount_of(row, name, symbol) for name in ("qty", "qty_available"))
        available[code] = available.get(code, ZERO) + free
        held[code] = held.get(code, ZERO) + max(total - free, ZERO)
        price = ONE if code in DOLLARS else _worth(row, "current_price", symbol)
        worth.append(None if price is None else total * price)
    bound = {code: amount for code, amount in held.items() if amount}
    return AccountBalances(available, bound, total_of(worth), info.fee_rate, at)


def parse_quotes(result: Any, table: SymbolTable) -> dict[str, Quote]:
    """Quotes per canonical symbol (latest quotes); pairs that are not listed or have no price are left out."""
    quotes = {}
    for name, row in mapping_of(mapping_of(result, "prices").get("quotes"), "quotes").items():
        try:
            known = mapping_of(row, name)
            quotes[table.canonical(name)] = Quote(
                bid=positive(known.get("bp"), f"bid of {name}"), ask=positive(known.get("ap"), f"ask of {name}")
            )
        except (InvalidAmount, VenueUnclear) as error:
            _log.debug("Alpaca's price of %s is left out: %s", name, error)
    return quotes


def parse_order_id(result: Any, order: MarketOrder) -> VenueOrderId:
    """The id of the order that was placed, or looked up, under this order's name.

    Raises:
        VenueUnclear: the answer names none, or is about another one.
    """
    row = mapping_of(result, "the order")
    if row.get("client_order_id") != order.client_order_id:
        raise VenueUnclear("the answer is about another order")
    return VenueOrderId(text_of(row, "id", "the order"))


def parse_order(result: Any, symbol: str, fee_rate: Decimal) -> OrderReport:
    """What became of an order (GET /v2/orders/{id}).

    An order tells its executions as one: sums, and an average price. So it has one fill, under the order's own id, and
    only once it is final: whoever asks, however often and from whichever process, gets the same fill, and one that was
    told in steps could not be told apart from the sum of them.

    Args:
        symbol: canonical.
        fee_rate: a taker's; the order does not name its fee, see :mod:`bot.brokers.alpaca.fees`.
    """
    row = mapping_of(result, "the order")
    order_id = text_of(row, "id", "the order")
    side, executed, price, cost = _figures(row, order_id)
    base, quote = split_symbol(symbol)
    status = text_of(row, "status", order_id)
    # Executed and without a price: the venue is not done with it.
    final = status in _FINAL_STATUSES and (price > 0 or not executed) and (status != "filled" or executed > 0)
    fee, fee_currency = fee_of(side, executed, cost, fee_rate), base if side is Side.BUY else quote
    fills: tuple[Fill, ...] = ()
    if final and executed > 0:
        time = _time(row, "filled_at", "canceled_at", "expired_at", "updated_at", "submitted_at").timestamp()
        fills = (Fill(TradeId(order_id), executed, price, cost, fee, fee_currency, time),)
    reason = "" if status == "filled" or not final else status
    return OrderReport(VenueOrderId(order_id), executed, price, cost, fee, fee_currency, final, reason, fills)


def parse_orders(result: Any, canonical: Callable[[str], str], fee_rate: Decimal) -> list[VenueOrder]:
    """Every order of coins of a page (GET /v2/orders), in the venue's order.

    Args:
        canonical: the symbol of one of the venue's spellings; raises InvalidAmount when it is not listed.

    Raises:
        VenueUnclear: it is no list, or one of its orders cannot be read.
    """
    rows = [mapping_of(row, "an order") for row in list_of(result, "orders")]
    return [_parse_listed(row, canonical, fee_rate) for row in rows if row.get("asset_class") == _CRYPTO]


def parse_next_offset(result: Any, offset: int) -> int | None:
    """Where the next page begins, microseconds since 1970; None after the last one.

    The page goes on from the moment of this one's last order, which comes again: others may be of the same moment.
    """
    rows = list_of(result, "orders")
    if len(rows) < ORDERS_A_PAGE:
        return None
    last = _time(mapping_of(rows[-1], "an order"), "submitted_at", "created_at")
    # That moment was cut to the microsecond, and `until` leaves its own moment out.
    following = (last - _EPOCH) // _TICK + 2
    if offset and following >= offset:
        raise VenueUnclear("the venue's pages of orders do not go on")
    return following


def moment_at(offset: int) -> datetime:
    """The moment of an offset of :func:`parse_next_offset`."""
    return _EPOCH + offset * _TICK


def _parse_asset(row: Mapping[str, Any], minimum_order_usd: Decimal) -> AlpacaAsset | None:
    name = text_of(row, "symbol", "an asset")
    if row.get("class", _CRYPTO) != _CRYPTO:
        return None
    base, _, quote = name.partition("/")
    if not base or not quote:
        raise VenueUnclear(f"{name!r} is no pair")
    increment = positive(row.get("min_trade_increment"), f"min_trade_increment of {name}")
    is_open = row.get("status") == "active" and row.get("tradable") is True
    instrument = Instrument(
        symbol=f"{base}-{quote}",
        base=base,
        quote=quote,
        lot_step=max(increment, COIN_STEP),
        price_step=positive(row.get("price_increment"), f"price_increment of {name}"),
        minimum_size=amount_of(row, "min_order_size", name, ZERO),
        minimum_cost=minimum_order_usd if quote == _DOLLAR else ZERO,
        status=InstrumentStatus.ONLINE if is_open else InstrumentStatus.OFFLINE,
        minimum_sale=ZERO,
    )
    return AlpacaAsset(instrument, text_of(row, "id", name), name)


def _worth(row: Mapping[str, Any], name: str, symbol: str) -> Decimal | None:
    return None if row.get(name) is None else amount_of(row, name, symbol)


def _trouble(row: Mapping[str, Any]) -> str:
    for name, what in (("status", "the account"), ("crypto_status", "trading coins")):
        if row.get(name) != _ACTIVE:
            return f"{what} is {row.get(name) or 'not enabled'} and not {_ACTIVE}; mend it in Alpaca's dashboard"
    return next((text for name, text in _BLOCKS.items() if row.get(name) not in (None, False)), "")


def _figures(row: Mapping[str, Any], order_id: str) -> tuple[Side, Decimal, Decimal, Decimal]:
    """Side, executed size, average price and cost."""
    side = side_of(text_of(row, "side", order_id), order_id)
    executed = amount_of(row, "filled_qty", order_id)
    price = amount_of(row, "filled_avg_price", order_id, ZERO)
    return side, executed, price, executed * price


def _parse_listed(row: Mapping[str, Any], canonical: Callable[[str], str], fee_rate: Decimal) -> VenueOrder:
    order_id = text_of(row, "id", "an order")
    side, executed, _, cost = _figures(row, order_id)
    return VenueOrder(
        order_id=VenueOrderId(order_id),
        client_order_id=client_order_id_of(row.get("client_order_id")),
        symbol=symbol_of(text_of(row, "symbol", order_id), canonical),
        side=side,
        # Of an order by amount of money only what it has executed is known.
        quantity=amount_of(row, "qty", order_id, executed),
        executed=executed,
        cost=cost,
        fee=fee_of(side, executed, cost, fee_rate),
        open=text_of(row, "status", order_id) not in _FINAL_STATUSES,
        time=_time(row, "submitted_at", "created_at").timestamp(),
    )


def _time(row: Mapping[str, Any], *names: str) -> datetime:
    name = next((name for name in names if row.get(name)), names[-1])
    return moment_of(row.get(name), name)
