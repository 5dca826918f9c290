"""``paper``: everything at once on a local exchange, and books that agree at the end."""

from __future__ import annotations

import json
import re
import signal

import pytest

from tests.e2e.house import House
from tests.paper_exchange.client import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

#: Trades at nearly every candle.
EAGER = json.dumps({"ema_period": 2, "slow_ema_period": 3, "minimum_candles": 20, "balance_share": "0.1"})
FAST = ("--speed", "300", "--candle-minutes", "15", "--strategy", "ema_cross", "--strategy-settings", EAGER)


def test_strategy_and_hand_trade_users_follow_and_the_books_agree(house: House) -> None:
    ended = house.run("paper", *FAST, "--users", "4", "--by-hand", "4", "--minutes", "0.5")

    assert ended.code == 0, ended
    (agreed,) = re.findall(r"books agree: (\d+) signals, (\d+) copies, none lost, none twice", ended.out)
    signals, copies = map(int, agreed)
    # Seven trades by hand in thirty seconds; what the strategy did comes on top.
    assert signals >= 5
    assert copies >= signals
    assert "master:kraken" in ended.out
    assert "Traceback" not in ended.err


def test_users_on_all_venues_and_an_end_by_ctrl_c(house: House) -> None:
    venues = ("--venues", "coinbase,alpaca,kraken", "--users", "6")
    running = house.begin("paper", *FAST, *venues, "--by-hand", "3", "--verbose")
    running.wait_until_said("COPY TRADING SUMMARY")
    ended = running.stop(signal.SIGINT)

    assert ended.code == 0, ended
    assert "books agree" in ended.out


def test_the_data_can_be_kept_and_looked_at_meanwhile(house: House) -> None:
    running = house.begin("paper", *FAST, "--users", "2", "--by-hand", "2", "--data", "kept", "--verbose")
    running.wait_until_said("COPY TRADING SUMMARY")
    house.variables["NIJA_DATA_DIR"] = str(house.folder / "kept" / "data")
    assert house.run("status").code == 0
    eventually(lambda: house.run("copies", "--json").json, 30)
    ended = running.stop()
    assert ended.code == 0, ended
    assert (house.folder / "kept" / "data" / "ledger.sqlite3").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--symbol", "NO-COIN"), ("--symbol", "NO-COIN")),
        (("--strategy", "nonsense"), ("STRATEGY", "nonsense", "rsi_ema")),
        (("--candle-minutes", "7"), ("STRATEGY_CANDLE_MINUTES",)),
        (("--strategy-settings", "{"), ("STRATEGY_SETTINGS", "JSON")),
        (("--venues", "binance"), ("binance", "kraken")),
    ],
    ids=["symbol", "strategy", "minutes", "settings", "venue"],
)
def test_wrong_use_is_one_line(house: House, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    house.run("paper", *arguments, "--minutes", "0.1").refused(2, *words)
