"""Coinbase's products: increments, minimums, aliases (Coinbase docs, List Products)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from paper_exchange.core.first_prices import FIRST_PRICES
from paper_exchange.core.instruments import Instrument

#: Of costs, fees, and of what an order sized in quote buys: finer than base_increment (recorded answers).
EXACT_DECIMALS = 16
FIAT = frozenset({"USD"})
NAMES = {
    "BTC": "Bitcoin",
    "ETH": "Ethereum",
    "SOL": "Solana",
    "DOGE": "Dogecoin",
    "XRP": "XRP",
    "LTC": "Litecoin",
    "SHIB": "SHIBA INU",
    "USD": "US Dollar",
    "USDC": "USDC",
}
_QUOTE_DECIMALS = {"USD": 2, "USDC": 2}

# base, size decimals, price decimals, smallest and largest base size, largest quote size
_COINS = (
    ("BTC", 8, 2, "0.00000001", "3400", "150000000"),
    ("ETH", 8, 2, "0.00000001", "49000", "150000000"),
    ("SOL", 8, 2, "0.00000001", "324000", "50000000"),
    ("DOGE", 1, 5, "0.1", "42000000", "10000000"),
    ("XRP", 6, 4, "0.000001", "10000000", "20000000"),
    ("LTC", 8, 2, "0.00000001", "76000", "10000000"),
)
# What Kraken does not list here; Coinbase in turn lacks ADA, ACA, EUR and USDT.
_DOLLAR_ONLY = (("SHIB", 0, 8, "1", "100000000000", "1000000"),)
_MINIMUM_COST = "1"


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """One market. `alias` is the product whose book it shares, `alias_to` are those that share its book."""

    instrument: Instrument
    quote_decimals: int
    largest_base: Decimal
    largest_quote: Decimal
    alias: str
    alias_to: tuple[str, ...]

    @property
    def quote_step(self) -> Decimal:
        """The quote_increment: what sizes in quote are multiples of."""
        return Decimal(1).scaleb(-self.quote_decimals)


class Catalogue:
    """All products. Made anew for each exchange: minimums can change."""

    def __init__(self) -> None:
        rows = [(row, quote) for row in _COINS for quote in ("USD", "USDC")]
        rows += [(row, "USD") for row in _DOLLAR_ONLY]
        both = {row[0] for row in _COINS}
        self.products = {f"{row[0]}-{quote}": _product(*row, quote, row[0] in both) for row, quote in rows}
        self.instruments = {symbol: product.instrument for symbol, product in self.products.items()}
        self.start_prices = {symbol: FIRST_PRICES[symbol] for symbol in self.products}
        self.assets = tuple(dict.fromkeys(asset for symbol in self.products for asset in symbol.split("-")))


def _product(
    base: str,
    size_decimals: int,
    price_decimals: int,
    smallest_base: str,
    largest_base: str,
    largest_quote: str,
    quote: str,
    in_both: bool,
) -> Product:
    instrument = Instrument(
        symbol=f"{base}-{quote}",
        base=base,
        quote=quote,
        price_decimals=price_decimals,
        size_decimals=size_decimals,
        cost_decimals=EXACT_DECIMALS,
        minimum_size=Decimal(smallest_base),
        minimum_cost=Decimal(_MINIMUM_COST),
        fill_decimals=EXACT_DECIMALS,
    )
    return Product(
        instrument,
        _QUOTE_DECIMALS[quote],
        Decimal(largest_base),
        Decimal(largest_quote),
        f"{base}-USD" if quote == "USDC" else "",
        (f"{base}-USDC",) if quote == "USD" and in_both else (),
    )
