"""What an account holds and what that has cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from paper_exchange.alpaca.calls import PrivateCall
from paper_exchange.alpaca.formats import cents, plain, ratio
from paper_exchange.alpaca.instruments import DOLLAR, Pair
from paper_exchange.core.market import Market
from paper_exchange.core.orders import ZERO, Side, Trade

_PRICE_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Position:
    """A holding in one asset: quantities in that asset, prices and costs in dollars."""

    pair: Pair
    quantity: Decimal
    available: Decimal
    cost: Decimal
    price: Decimal
    last_close: Decimal

    @property
    def value(self) -> Decimal:
        """What it is worth now."""
        return self.quantity * self.price


def positions(call: PrivateCall) -> list[Position]:
    """Every asset that is held but the dollar, dust included."""
    horizon, account = call.horizon(), call.key.account
    balances, holds = account.balances_at(horizon), account.holds_at(horizon)
    trades = [trade for trade in account.trades if horizon is None or trade.time <= horizon]
    found = []
    for asset, quantity in balances.items():
        pair = call.catalogue.position_pair(asset)
        if pair is None or quantity <= 0:
            continue
        symbol = pair.instrument.symbol
        price = call.exchange.market.quotes[symbol].last
        cost = _cost(asset, quantity, price, trades, call.exchange.market)
        close = call.closes.last(symbol, call.exchange.clock.now())
        found.append(Position(pair, quantity, quantity - holds.get(asset, ZERO), cost, price, close))
    return sorted(found, key=lambda position: position.pair.joined)


def position_record(position: Position) -> dict[str, Any]:
    """The position object (Alpaca docs, Positions); its symbol has no slash. All profit counts as today's."""
    profit = position.value - position.cost
    share = ratio(profit / position.cost) if position.cost else "0"
    return {
        "asset_id": position.pair.asset_id,
        "symbol": position.pair.joined,
        "exchange": "CRYPTO",
        "asset_class": "crypto",
        "asset_marginable": False,
        "avg_entry_price": plain(round(position.cost / position.quantity, _PRICE_DECIMALS)),
        "qty": plain(position.quantity),
        "qty_available": plain(position.available),
        "side": "long",
        "market_value": cents(position.value),
        "cost_basis": plain(round(position.cost, _PRICE_DECIMALS)),
        "unrealized_pl": plain(round(profit, _PRICE_DECIMALS)),
        "unrealized_plpc": share,
        "unrealized_intraday_pl": plain(round(profit, _PRICE_DECIMALS)),
        "unrealized_intraday_plpc": share,
        "current_price": plain(position.price),
        "lastday_price": plain(position.last_close),
        "change_today": ratio(position.price / position.last_close - 1),
    }


def _cost(asset: str, quantity: Decimal, price: Decimal, trades: list[Trade], market: Market) -> Decimal:
    changes = [change for trade in trades if (change := _change(asset, trade, market)) is not None]
    # What did not come from trades was deposited; it counts first, at the present price.
    held = quantity - sum((change[0] for change in changes), ZERO)
    cost = max(held, ZERO) * price
    for amount, paid in changes:
        if amount > 0:
            cost += paid
        elif held > 0:
            cost += cost * amount / held
        held += amount
    return max(cost, ZERO)


def _change(asset: str, trade: Trade, market: Market) -> tuple[Decimal, Decimal] | None:
    """How a trade changed the amount of an asset, and in dollars what was paid for it."""
    instrument, buys = trade.instrument, trade.side is Side.BUY
    if asset not in (instrument.base, instrument.quote):
        return None
    fee = trade.fee if trade.fee_asset == asset else ZERO
    volume = trade.volume if asset == instrument.base else trade.cost
    paid = trade.cost * market.value_in(instrument.quote, DOLLAR)
    return (volume if buys is (asset == instrument.base) else -volume) - fee, paid
