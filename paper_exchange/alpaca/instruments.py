"""Alpaca's crypto pairs (Alpaca docs, Crypto Trading and Assets).

Orders, assets and market data spell a pair `BTC/USD`, positions `BTCUSD`; orders and assets take both.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from paper_exchange.alpaca.formats import plain
from paper_exchange.core.first_prices import FIRST_PRICES
from paper_exchange.core.instruments import Instrument, TradingStatus

DOLLAR = "USD"
SIZE_DECIMALS = 9
_NAMES = {
    "AAVE": "Aave",
    "BTC": "Bitcoin",
    "DOGE": "Dogecoin",
    "ETH": "Ethereum",
    "LTC": "Litecoin",
    "MKR": "Maker",
    "SOL": "Solana",
    "USD": "US Dollar",
    "USDC": "USD Coin",
    "USDT": "USD Tether",
}
# symbol, price decimals, minimum size (about a dollar)
_PAIRS = (
    ("AAVE-USD", 2, "0.010186515"),
    ("BTC-USD", 2, "0.000011905"),
    ("BTC-USDC", 2, "0.000011905"),
    ("BTC-USDT", 2, "0.000011905"),
    ("DOGE-USD", 9, "8.333333334"),
    ("DOGE-USDC", 9, "9.33706816"),
    ("DOGE-USDT", 9, "8.333333334"),
    ("ETH-USD", 2, "0.000370371"),
    ("ETH-BTC", 9, "0.000370371"),
    ("ETH-USDC", 2, "0.000370371"),
    ("ETH-USDT", 2, "0.000370371"),
    ("LTC-USD", 2, "0.013333334"),
    ("LTC-USDT", 2, "0.013333334"),
    ("MKR-USD", 2, "0.000666667"),
    ("SOL-USD", 2, "0.007142858"),
    ("USDC-USD", 9, "1"),
    ("USDT-USD", 9, "1"),
)
_OWN_FIRST_PRICES = {"AAVE-USD": Decimal("98.17"), "MKR-USD": Decimal(1500)}
_INACTIVE = frozenset({"MKR-USD"})
_KNOWN_IDS = {
    "AAVE-USD": "8588af33-3a8e-4a09-bb6c-ba4226dc7aff",
    "BTC-USD": "276e2673-764b-4ab6-a611-caf665ca6340",
    "DOGE-USDC": "ff2ec3b7-b581-4a5f-8f75-a98a68ed8332",
}
_NAMESPACE = uuid.UUID("7b7f2a4c-6b1e-5a53-9d8e-2f4c0a9b6d11")
_COST_DECIMALS = 9
_MINIMUM_DOLLARS = Decimal(10)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One market: `slash` is BTC/USD, `joined` BTCUSD, `asset_id` a UUID."""

    asset_id: str
    slash: str
    joined: str
    name: str
    instrument: Instrument

    @property
    def is_active(self) -> bool:
        """Whether the pair can be traded."""
        return self.instrument.status is TradingStatus.ONLINE


class Catalogue:
    """Pairs under all names that the venue accepts. Made anew for each exchange: minimums can change."""

    def __init__(self) -> None:
        self.pairs = [_pair(*row) for row in _PAIRS]
        self.instruments = {pair.instrument.symbol: pair.instrument for pair in self.pairs}
        prices = FIRST_PRICES | _OWN_FIRST_PRICES
        self.first_prices = {symbol: prices[symbol] for symbol in self.instruments}
        self.assets = tuple(dict.fromkeys(code for row in _PAIRS for code in reversed(row[0].split("-"))))
        self._by_symbol = {pair.instrument.symbol: pair for pair in self.pairs}
        self._by_slash = {pair.slash: pair for pair in self.pairs}
        self._by_name = {name: pair for pair in self.pairs for name in (pair.slash, pair.joined, pair.asset_id)}

    def pair(self, name: str) -> Pair | None:
        """By `BTC/USD`, `BTCUSD` or asset id."""
        return self._by_name.get(name)

    def market_data_pair(self, name: str) -> Pair | None:
        """By `BTC/USD` alone, as market data want it."""
        return self._by_slash.get(name)

    def pair_of(self, symbol: str) -> Pair:
        """By canonical symbol (BTC-USD)."""
        return self._by_symbol[symbol]

    def position_pair(self, asset: str) -> Pair | None:
        """The pair that a position in an asset goes by: the one against the dollar."""
        return self._by_symbol.get(f"{asset}-{DOLLAR}")


def asset_record(pair: Pair) -> dict[str, Any]:
    """The asset object (Alpaca docs, Assets); margins are in percent."""
    instrument, active = pair.instrument, pair.is_active
    return {
        "id": pair.asset_id,
        "class": "crypto",
        "exchange": "CRYPTO",
        "symbol": pair.slash,
        "name": pair.name,
        "status": "active" if active else "inactive",
        "tradable": active,
        "marginable": False,
        "maintenance_margin_requirement": 100,
        "margin_requirement_long": "100",
        "margin_requirement_short": "100",
        "shortable": False,
        "easy_to_borrow": False,
        "fractionable": True,
        "attributes": [],
        "min_order_size": plain(instrument.minimum_size),
        "min_trade_increment": plain(instrument.size_step),
        "price_increment": plain(instrument.price_step),
    }


def _pair(symbol: str, price_decimals: int, minimum_size: str) -> Pair:
    base, quote = symbol.split("-")
    instrument = Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        price_decimals=price_decimals,
        size_decimals=SIZE_DECIMALS,
        cost_decimals=_COST_DECIMALS,
        minimum_size=Decimal(minimum_size),
        minimum_cost=_MINIMUM_DOLLARS if quote == DOLLAR else Decimal(0),
        status=TradingStatus.CANCEL_ONLY if symbol in _INACTIVE else TradingStatus.ONLINE,
    )
    asset_id = _KNOWN_IDS.get(symbol) or str(uuid.uuid5(_NAMESPACE, symbol))
    return Pair(asset_id, f"{base}/{quote}", base + quote, f"{_NAMES[base]} / {_NAMES[quote]}", instrument)
