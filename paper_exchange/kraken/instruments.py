"""Kraken's assets and pairs: ids, names, decimals, minimums (Kraken REST docs, AssetPairs and Assets)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from paper_exchange.core.first_prices import FIRST_PRICES
from paper_exchange.core.instruments import Instrument, TradingStatus


@dataclass(frozen=True, slots=True)
class Asset:
    """One coin or currency. `code` is canonical (BTC), `asset_id` Kraken's (XXBT), `altname` short (XBT)."""

    code: str
    asset_id: str
    altname: str
    decimals: int
    display_decimals: int
    collateral_value: float
    margin_rate: str


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One market under its three valid names: id (XXBTZUSD), altname (XBTUSD), slash name (BTC/USD)."""

    pair_id: str
    altname: str
    legacy_name: str
    slash_name: str
    base_id: str
    quote_id: str
    leverage: int
    position_limits: tuple[int, int] | None
    instrument: Instrument


_ASSETS = (
    Asset("BTC", "XXBT", "XBT", 10, 5, 0.99, "0.01"),
    Asset("ETH", "XETH", "ETH", 10, 5, 0.99, "0.02"),
    Asset("SOL", "SOL", "SOL", 10, 5, 0.925, "0.02"),
    Asset("DOGE", "XXDG", "XDG", 8, 2, 0.925, "0.02"),
    Asset("XRP", "XXRP", "XRP", 8, 5, 0.925, "0.02"),
    Asset("LTC", "XLTC", "LTC", 10, 5, 0.925, "0.02"),
    Asset("ADA", "ADA", "ADA", 8, 6, 0.9, "0.02"),
    Asset("ACA", "ACA", "ACA", 10, 5, 0.0, "0.02"),
    Asset("USD", "ZUSD", "USD", 4, 2, 1.0, "0.036"),
    Asset("EUR", "ZEUR", "EUR", 4, 2, 1.0, "0.036"),
    Asset("USDT", "USDT", "USDT", 8, 4, 0.95, "0.025"),
    Asset("USDC", "USDC", "USDC", 8, 4, 1.0, "0.025"),
)

# symbol, pair id, price decimals, cost decimals, minimum size, minimum cost, most leverage
_PAIRS = (
    ("BTC-USD", "XXBTZUSD", 1, 5, "0.00005", "0.5", 10),
    ("BTC-EUR", "XXBTZEUR", 1, 5, "0.00005", "0.45", 10),
    ("BTC-USDT", "XBTUSDT", 1, 5, "0.00005", "0.5", 10),
    ("BTC-USDC", "XBTUSDC", 1, 5, "0.00005", "0.5", 10),
    ("ETH-USD", "XETHZUSD", 2, 5, "0.001", "0.5", 10),
    ("ETH-EUR", "XETHZEUR", 2, 5, "0.001", "0.45", 10),
    ("ETH-USDT", "ETHUSDT", 2, 5, "0.001", "0.5", 10),
    ("ETH-USDC", "ETHUSDC", 2, 5, "0.001", "0.5", 10),
    ("ETH-BTC", "XETHXXBT", 6, 10, "0.001", "0.00002", 5),
    ("SOL-USD", "SOLUSD", 2, 5, "0.06", "0.5", 10),
    ("SOL-EUR", "SOLEUR", 2, 5, "0.06", "0.45", 10),
    ("SOL-USDT", "SOLUSDT", 2, 5, "0.06", "0.5", 10),
    ("SOL-USDC", "SOLUSDC", 2, 5, "0.06", "0.5", 10),
    ("DOGE-USD", "XDGUSD", 7, 9, "50", "0.5", 10),
    ("DOGE-EUR", "XDGEUR", 7, 9, "50", "0.45", 10),
    ("DOGE-USDT", "XDGUSDT", 7, 9, "50", "0.5", 10),
    ("DOGE-USDC", "XDGUSDC", 7, 9, "50", "0.5", 10),
    ("XRP-USD", "XXRPZUSD", 5, 8, "1.65", "0.5", 10),
    ("XRP-EUR", "XXRPZEUR", 5, 8, "1.65", "0.45", 10),
    ("XRP-USDT", "XRPUSDT", 5, 8, "1.65", "0.5", 10),
    ("XRP-USDC", "XRPUSDC", 5, 8, "1.65", "0.5", 10),
    ("LTC-USD", "XLTCZUSD", 2, 5, "0.04", "0.5", 10),
    ("LTC-EUR", "XLTCZEUR", 2, 5, "0.04", "0.45", 10),
    ("LTC-USDT", "LTCUSDT", 5, 6, "0.04", "0.5", 10),
    ("LTC-USDC", "LTCUSDC", 2, 5, "0.04", "0.5", 10),
    ("ADA-USD", "ADAUSD", 6, 8, "8", "0.5", 10),
    ("ADA-EUR", "ADAEUR", 6, 8, "8", "0.45", 10),
    ("ADA-USDT", "ADAUSDT", 6, 8, "8", "0.5", 10),
    ("ADA-USDC", "ADAUSDC", 6, 8, "8", "0.5", 10),
    ("USDT-USD", "USDTZUSD", 5, 8, "5", "0.5", 2),
    ("USDT-EUR", "USDTEUR", 5, 8, "5", "0.45", 2),
    ("USDC-USD", "USDCUSD", 4, 8, "5", "0.5", 2),
    ("USDC-EUR", "USDCEUR", 4, 8, "5", "0.45", 2),
    ("USDC-USDT", "USDCUSDT", 4, 8, "5", "0.5", 2),
    ("EUR-USD", "ZEURZUSD", 5, 5, "0.5", "0.5", 2),
    ("ACA-EUR", "ACAEUR", 5, 5, "12000", "0.45", 0),
)
_CANCEL_ONLY = frozenset({"ACA-EUR"})
_SIZE_DECIMALS = 8
_POSITION_LIMITS = {
    "BTC": (350, 250),
    "ETH": (1000, 800),
    "SOL": (37000, 24000),
    "DOGE": (30000000, 30000000),
}
_OTHER_POSITION_LIMITS = (500000, 400000)


class Catalogue:
    """Assets and pairs under all names that the venue accepts. Made anew for each exchange: minimums can change."""

    def __init__(self) -> None:
        self.assets = {asset.code: asset for asset in _ASSETS}
        self.start_prices = {row[0]: FIRST_PRICES[row[0]] for row in _PAIRS}
        self.pairs = [self._pair(*row) for row in _PAIRS]
        self.instruments = {pair.instrument.symbol: pair.instrument for pair in self.pairs}
        self._by_symbol = {pair.instrument.symbol: pair for pair in self.pairs}
        self._by_name = {name: pair for pair in self.pairs for name in (pair.pair_id, pair.altname, pair.slash_name)}
        self._assets_by_name = {
            name: asset for asset in _ASSETS for name in (asset.asset_id, asset.altname, asset.code)
        }

    def pair(self, name: str) -> Pair | None:
        """By id, altname or slash name; the legacy websocket name (XBT/USD) is not one of them."""
        return self._by_name.get(name)

    def pair_of(self, symbol: str) -> Pair:
        """By canonical symbol (BTC-USD)."""
        return self._by_symbol[symbol]

    def asset(self, name: str) -> Asset | None:
        """By id (XXBT), altname (XBT) or canonical code (BTC)."""
        return self._assets_by_name.get(name)

    def _pair(
        self,
        symbol: str,
        pair_id: str,
        price_decimals: int,
        cost_decimals: int,
        minimum_size: str,
        minimum_cost: str,
        leverage: int,
    ) -> Pair:
        base, quote = (self.assets[code] for code in symbol.split("-"))
        instrument = Instrument(
            symbol=symbol,
            base=base.code,
            quote=quote.code,
            price_decimals=price_decimals,
            size_decimals=_SIZE_DECIMALS,
            cost_decimals=cost_decimals,
            minimum_size=Decimal(minimum_size),
            minimum_cost=Decimal(minimum_cost),
            status=TradingStatus.CANCEL_ONLY if symbol in _CANCEL_ONLY else TradingStatus.ONLINE,
        )
        limits = _POSITION_LIMITS.get(base.code, _OTHER_POSITION_LIMITS) if leverage else None
        return Pair(
            pair_id,
            base.altname + quote.altname,
            f"{base.altname}/{quote.altname}",
            f"{base.code}/{quote.code}",
            base.asset_id,
            quote.asset_id,
            leverage,
            limits,
            instrument,
        )
