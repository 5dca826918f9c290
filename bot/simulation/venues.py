"""What a venue does with an order in a simulation: steps, minimums, fees, and how it books them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import ClassVar

from bot.brokers.alpaca.fees import COIN_STEP, HIGHEST_RATE, fee_of
from bot.domain.enums import BrokerType, Side
from bot.domain.ids import VenueOrderId
from bot.domain.instruments import Instrument, split_symbol
from bot.domain.money import ONE, ZERO
from bot.domain.orders import MarketOrder, OrderReport

_CENT = Decimal("0.01")
_SATOSHI = Decimal("0.00000001")
#: Coinbase computes what a sum of money buys, and its fees, to this (recorded answers).
_COINBASE_STEP = Decimal("1E-16")
#: Kraken books costs and fees in these (AssetPairs, cost_decimals).
_KRAKEN_STEP = Decimal("0.00001")


@dataclass(frozen=True, slots=True)
class _Steps:
    """Lot step and smallest order of a coin, base."""

    lot: Decimal
    minimum: Decimal


class VenueModel(ABC):
    """One venue: its instruments, without asking it, and its fills.

    Attributes:
        venue: whose rules these are.
        fee_rate: taker fee of an account without volume, 0.008 is 0.8 %.
        coins: coins with steps and minimums of their own; others have no minimum but the cost.
    """

    venue: ClassVar[BrokerType]
    fee_rate: ClassVar[Decimal]
    coins: ClassVar[Mapping[str, _Steps]]

    @abstractmethod
    def instrument(self, symbol: str) -> Instrument:
        """Steps and minimums of a canonical symbol."""

    @abstractmethod
    def fill(self, order: MarketOrder, price: Decimal, fee_rate: Decimal) -> OrderReport:
        """All of an order at one price (quote per base), with its fee, as the bot reads it from the venue."""

    def _steps(self, base: str) -> _Steps:
        return self.coins.get(base, _Steps(_SATOSHI, ZERO))


class KrakenModel(VenueModel):
    """Buys and sells sized in base; the fee is in the quote currency, on top."""

    venue = BrokerType.KRAKEN
    fee_rate = Decimal("0.008")
    coins: ClassVar[Mapping[str, _Steps]] = {
        base: _Steps(_SATOSHI, Decimal(minimum))
        for base, minimum in {
            "BTC": "0.00005",
            "ETH": "0.001",
            "SOL": "0.06",
            "DOGE": "50",
            "XRP": "1.65",
            "LTC": "0.04",
            "ADA": "8",
        }.items()
    }

    def instrument(self, symbol: str) -> Instrument:
        base, quote = split_symbol(symbol)
        steps = self._steps(base)
        return Instrument(symbol, base, quote, steps.lot, _CENT, steps.minimum, Decimal("0.5"))

    def fill(self, order: MarketOrder, price: Decimal, fee_rate: Decimal) -> OrderReport:
        cost = (order.quantity * price).quantize(_KRAKEN_STEP, ROUND_HALF_UP)
        fee = (cost * fee_rate).quantize(_KRAKEN_STEP, ROUND_HALF_UP)
        return _report(order, order.quantity, price, cost, fee, split_symbol(order.symbol)[1])


class CoinbaseModel(VenueModel):
    """Buys are sized in quote with the fee inside, sells in base with the fee taken from what they bring."""

    venue = BrokerType.COINBASE
    fee_rate = Decimal("0.009")
    coins: ClassVar[Mapping[str, _Steps]] = {
        base: _Steps(Decimal(step), Decimal(step))
        for base, step in {
            "BTC": "0.00000001",
            "ETH": "0.00000001",
            "SOL": "0.00000001",
            "DOGE": "0.1",
            "XRP": "0.000001",
            "LTC": "0.00000001",
        }.items()
    }

    def instrument(self, symbol: str) -> Instrument:
        base, quote = split_symbol(symbol)
        steps = self._steps(base)
        return Instrument(symbol, base, quote, steps.lot, _CENT, steps.minimum, ONE, quote_step=_CENT)

    def fill(self, order: MarketOrder, price: Decimal, fee_rate: Decimal) -> OrderReport:
        quote = split_symbol(order.symbol)[1]
        if order.side is Side.SELL:
            cost = order.quantity * price
            fee = (cost * fee_rate).quantize(_COINBASE_STEP, ROUND_HALF_UP)
            return _report(order, order.quantity, price, cost, fee, quote)
        cost = (order.quote_value / (ONE + fee_rate)).quantize(_COINBASE_STEP, ROUND_DOWN)
        executed = (cost / price).quantize(_COINBASE_STEP, ROUND_DOWN)
        return _report(order, executed, price, cost, order.quote_value - cost, quote)


class AlpacaModel(VenueModel):
    """Sized in base; the fee is taken from what is received: coins of a buy, money of a sell."""

    venue = BrokerType.ALPACA
    fee_rate = HIGHEST_RATE
    coins: ClassVar[Mapping[str, _Steps]] = {
        base: _Steps(COIN_STEP, Decimal(minimum))
        for base, minimum in {
            "BTC": "0.000011905",
            "ETH": "0.000370371",
            "SOL": "0.007142858",
            "DOGE": "8.333333334",
            "LTC": "0.013333334",
        }.items()
    }

    def instrument(self, symbol: str) -> Instrument:
        base, quote = split_symbol(symbol)
        steps = self._steps(base)
        minimum_cost = Decimal(10) if quote == "USD" else ZERO
        return Instrument(symbol, base, quote, steps.lot, _CENT, steps.minimum, minimum_cost, minimum_sale=ZERO)

    def fill(self, order: MarketOrder, price: Decimal, fee_rate: Decimal) -> OrderReport:
        base, quote = split_symbol(order.symbol)
        cost = (order.quantity * price).quantize(COIN_STEP, ROUND_HALF_UP)
        fee = fee_of(order.side, order.quantity, cost, fee_rate)
        if order.side is Side.BUY:
            return _report(order, order.quantity, price, cost, fee, base)
        return _report(order, order.quantity, price, cost, fee.quantize(COIN_STEP, ROUND_HALF_UP), quote)


#: Every venue's model.
VENUES: Mapping[BrokerType, VenueModel] = {
    model.venue: model for model in (KrakenModel(), CoinbaseModel(), AlpacaModel())
}


def _report(
    order: MarketOrder, executed: Decimal, price: Decimal, cost: Decimal, fee: Decimal, fee_currency: str
) -> OrderReport:
    name = VenueOrderId(order.client_order_id)
    return OrderReport(name, executed, price, cost, fee, fee_currency, final=True, complete=True)
