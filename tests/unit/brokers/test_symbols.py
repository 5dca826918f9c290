from __future__ import annotations

import pytest

from bot.brokers.kraken.parse import parse_pairs, symbol_table
from bot.brokers.symbols import SymbolNames, SymbolTable, spellings
from bot.domain.errors import InvalidAmount
from tests.unit.brokers.kraken_data import own


@pytest.fixture(scope="module")
def kraken() -> SymbolTable:
    return symbol_table(parse_pairs(own("Assets.json"), own("AssetPairs.json")))


@pytest.mark.parametrize(
    "text",
    ["BTC-USD", "BTC/USD", "BTCUSD", "XBT/USD", "XBT-USD", "XBTUSD", "XXBTZUSD", "btc-usd", "xbtusd", " BTC-USD "],
)
def test_every_spelling_of_bitcoin_means_the_same(kraken: SymbolTable, text: str) -> None:
    assert kraken.canonical(text) == "BTC-USD"
    assert text in kraken


@pytest.mark.parametrize("text", ["DOGE-USD", "DOGE/USD", "DOGEUSD", "XDG/USD", "XDG-USD", "XDGUSD"])
def test_every_spelling_of_dogecoin_means_the_same(kraken: SymbolTable, text: str) -> None:
    assert kraken.canonical(text) == "DOGE-USD"


@pytest.mark.parametrize("text", ["ETH-BTC", "ETH/XBT", "ETHXBT", "ETHBTC", "XETHXXBT"])
def test_an_old_name_may_stand_on_either_side(kraken: SymbolTable, text: str) -> None:
    assert kraken.canonical(text) == "ETH-BTC"


def test_the_dollar_and_its_stablecoins_stay_apart(kraken: SymbolTable) -> None:
    assert kraken.canonical("BTCUSDT") == "BTC-USDT"
    assert kraken.canonical("USDTUSD") == "USDT-USD"
    assert "BTC-USDC" not in kraken


def test_an_unknown_spelling_is_refused_with_what_looks_like_it(kraken: SymbolTable) -> None:
    with pytest.raises(InvalidAmount, match=r"unknown symbol 'BTC-USB'.*BTC-USD"):
        kraken.canonical("BTC-USB")
    with pytest.raises(InvalidAmount, match=r"unknown symbol ''$"):
        kraken.canonical("")


def test_a_spelling_that_fits_two_symbols_counts_for_neither() -> None:
    table = SymbolTable(
        [
            SymbolNames("ABC-DUSD", ("ABCDUSD.x",), spellings(["ABC"], ["DUSD"])),
            SymbolNames("ABCD-USD", ("ABCDUSD.y",), spellings(["ABCD"], ["USD"])),
        ]
    )
    with pytest.raises(InvalidAmount):
        table.canonical("ABCDUSD")
    assert table.canonical("ABC/DUSD") == "ABC-DUSD"
    assert table.canonical("abcdusd.Y") == "ABCD-USD"


def test_the_venues_own_name_wins_over_a_guess() -> None:
    table = SymbolTable(
        [
            SymbolNames("ABC-DUSD", ("ABCDUSD",), spellings(["ABC"], ["DUSD"])),
            SymbolNames("ABCD-USD", ("OTHER",), spellings(["ABCD"], ["USD"])),
        ]
    )
    assert table.canonical("ABCDUSD") == "ABC-DUSD"


def test_a_table_lists_its_symbols(kraken: SymbolTable) -> None:
    assert set(kraken.symbols) >= {"BTC-USD", "BTC-USDT", "ETH-BTC", "DOGE-USD"}
