"""Alpaca's answers have the shape of recorded ones: the same fields in the same order, the same JSON types."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest

from tests.paper_exchange.alpaca_client import AlpacaHouse, AlpacaTrader, recorded
from tests.paper_exchange.client import REPOSITORY

pytest_plugins = ["tests.paper_exchange.alpaca_fixtures"]

SAMPLES = REPOSITORY.parent / "shared" / "samples" / "alpaca"
NUMBER = re.compile(r"^-?\d+(\.\d+)?$")
MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")


def shape(value: Any) -> Any:
    """Types all the way down; of a text that is a number or a time, only that it is one."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    if isinstance(value, str):
        return "number" if NUMBER.match(value) else "time" if MOMENT.match(value) else "text"
    return type(value).__name__


def numbers_are_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: numbers_are_floats(item) for name, item in value.items()}
    return "float" if value == "int" else value


def assert_same_shape(answer: Any, sample: Any) -> None:
    assert shape(answer) == shape(sample)
    if isinstance(sample, dict):
        assert list(answer) == list(sample)


def test_account(alpaca_trader: AlpacaTrader) -> None:
    assert_same_shape(alpaca_trader.get("/v2/account"), recorded("account"))


def test_assets(alpaca_trader: AlpacaTrader) -> None:
    assets = {asset["symbol"]: asset for asset in alpaca_trader.get("/v2/assets", asset_class="crypto")}

    for sample in recorded("assets"):
        assert assets[sample["symbol"]] == sample


def test_a_submitted_order(alpaca_trader: AlpacaTrader) -> None:
    order = alpaca_trader.place("sell", qty="0.0125", client_order_id="9e1d7c52-0b7e-4a58-9d0c-4f2f6a3b8e17")

    sample = recorded("order_pending_new")
    assert_same_shape(order, sample)
    changing = {"id", "created_at", "updated_at", "submitted_at"}
    assert {name: order[name] for name in order if name not in changing} == {
        name: sample[name] for name in sample if name not in changing
    }


def test_a_filled_order_differs_in_what_the_fill_says(alpaca_trader: AlpacaTrader) -> None:
    placed = alpaca_trader.place("buy", qty="0.0125")

    filled = alpaca_trader.settled(placed)

    changed = {name for name in filled if filled[name] != placed[name]}
    assert changed == {"status", "filled_qty", "filled_avg_price", "filled_at", "updated_at"}
    assert (filled["status"], filled["filled_qty"], filled["filled_avg_price"]) == ("filled", "0.0125", "50005")
    assert MOMENT.match(filled["filled_at"])


def test_position(alpaca_trader: AlpacaTrader) -> None:
    assert_same_shape(alpaca_trader.position(), recorded("position"))
    assert alpaca_trader.get("/v2/positions") == [alpaca_trader.position()]


def test_fills(alpaca_trader: AlpacaTrader) -> None:
    order = alpaca_trader.trade("sell", qty="0.4")

    (fill,) = alpaca_trader.get("/v2/account/activities/FILL")

    (sample,) = recorded("activities_fill")
    assert_same_shape(fill, sample)
    assert fill == sample | {
        "id": fill["id"],
        "transaction_time": fill["transaction_time"],
        "price": "49995",
        "symbol": "BTC/USD",
        "order_id": order["id"],
    }


def test_the_id_of_a_fill_is_in_new_york_time(alpaca_trader: AlpacaTrader) -> None:
    alpaca_trader.trade("sell", qty="0.4")

    (fill,) = alpaca_trader.get("/v2/account/activities/FILL")
    (sample,) = recorded("activities_fill")

    for activity in (fill, sample):
        at = datetime.strptime(activity["id"].partition("::")[0] + "000+0000", "%Y%m%d%H%M%S%f%z")
        behind = datetime.fromisoformat(activity["transaction_time"]) - at
        assert round(behind.total_seconds() / 3600, 3) in (4, 5)


def test_latest_quotes(alpaca: AlpacaHouse) -> None:
    answer = alpaca.data("latest/quotes", symbols="BTC/USD").json()

    sample = recorded("latest_quotes")
    assert numbers_are_floats(shape(answer)) == numbers_are_floats(shape(sample))
    assert list(answer["quotes"]["BTC/USD"]) == list(sample["quotes"]["BTC/USD"])


def test_clock(alpaca_trader: AlpacaTrader) -> None:
    clock = alpaca_trader.get("/v2/clock")

    assert re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?-0[45]:00$", clock["timestamp"])
    assert isinstance(clock["is_open"], bool)
    now, opens, closes = (datetime.fromisoformat(clock[name]) for name in ("timestamp", "next_open", "next_close"))
    assert now < opens
    assert now < closes
    assert (opens > closes) is clock["is_open"]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("account", "account_live_2024"),
        ("activities_fill", "activity_fill"),
        ("assets", "assets_crypto"),
        ("latest_quotes", "latest_quotes_crypto"),
        ("order_pending_new", "order_submit_pending_new"),
        ("position", "position_crypto"),
    ],
)
def test_what_is_compared_with_has_the_shape_of_what_was_recorded(name: str, file: str) -> None:
    path = SAMPLES / f"{file}.json"
    if not path.exists():
        pytest.skip("the recorded answers are not beside the repository")

    assert numbers_are_floats(shape(recorded(name))) == numbers_are_floats(shape(json.loads(path.read_text())["body"]))
