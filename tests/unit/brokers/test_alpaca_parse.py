"""Alpaca's answers, read into words of the domain."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.alpaca.fees import fee_of
from bot.brokers.alpaca.parse import (
    moment_at,
    parse_account,
    parse_assets,
    parse_balances,
    parse_next_offset,
    parse_order,
    parse_order_id,
    parse_orders,
    parse_quotes,
    symbol_table,
)
from bot.domain.enums import BrokerType, InstrumentStatus, Side
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.ids import AccountId, ClientOrderId
from bot.domain.orders import MarketOrder, OrderReport, VenueOrder

D = Decimal
_DATA = Path(__file__).resolve().parents[2] / "data" / "alpaca"
RATE = D("0.0025")


def own(name: str) -> Any:
    return json.loads((_DATA / f"bot_{name}.json").read_text(encoding="utf-8"), parse_float=Decimal)


ASSETS = own("assets")
TABLE = symbol_table(parse_assets(ASSETS, D(10)))


# -- pairs -----------------------------------------------------------------------------------------------------------


def test_pairs_have_the_venues_steps_and_the_operators_minimum() -> None:
    assets = {asset.instrument.symbol: asset for asset in parse_assets(ASSETS, D("12.5"))}
    btc = assets["BTC-USD"]
    assert (btc.name, btc.asset_id) == ("BTC/USD", "276e2673-764b-4ab6-a611-caf665ca6340")
    instrument = btc.instrument
    assert (instrument.base, instrument.quote) == ("BTC", "USD")
    assert (instrument.lot_step, instrument.price_step) == (D("0.000000001"), D("0.01"))
    assert (instrument.minimum_size, instrument.minimum_cost) == (D("0.000011905"), D("12.5"))
    assert instrument.quote_step is None
    assert instrument.status is InstrumentStatus.ONLINE


def test_the_smallest_buy_is_in_dollars_and_sells_are_bound_by_size_alone() -> None:
    assets = {asset.instrument.symbol: asset.instrument for asset in parse_assets(ASSETS, D(10))}
    btc, price = assets["BTC-USD"], D(80_000)
    assert btc.is_below_minimum(D("0.0001"), price, Side.BUY)
    assert not btc.is_below_minimum(D("0.0001"), price, Side.SELL)
    assert btc.is_below_minimum(D("0.000011904"), price, Side.SELL)
    assert not btc.is_below_minimum(D("0.000125"), price, Side.BUY)
    assert assets["BTC-USDC"].minimum_cost == assets["ETH-BTC"].minimum_cost == 0


@given(size=st.decimals(min_value="0", max_value="1000000", allow_nan=False, allow_infinity=False, places=18))
def test_a_size_never_has_more_than_nine_decimals_and_is_never_rounded_up(size: Decimal) -> None:
    instrument = parse_assets(ASSETS, D(10))[0].instrument
    floored = instrument.floor_size(size)
    assert 0 <= size - floored < D("0.000000001")
    assert floored == floored.quantize(D("0.000000001"))


@pytest.mark.parametrize("increment", ["0.0000000001", "0.000000001"])
def test_a_step_finer_than_nine_decimals_is_not_one(increment: str) -> None:
    (asset,) = parse_assets([ASSETS[0] | {"min_trade_increment": increment}], D(10))
    assert asset.instrument.lot_step == D("0.000000001")


@pytest.mark.parametrize("change", [{"status": "inactive"}, {"tradable": False}, {"status": None}, {"tradable": "yes"}])
def test_a_pair_that_is_not_open_cannot_be_traded(change: dict[str, Any]) -> None:
    (asset,) = parse_assets([ASSETS[0] | change], D(10))
    assert asset.instrument.status is InstrumentStatus.OFFLINE


@pytest.mark.parametrize(
    "row",
    [
        None,
        "BTC/USD",
        {},
        ASSETS[0] | {"symbol": "BTCUSD"},
        ASSETS[0] | {"symbol": "BTC/"},
        ASSETS[0] | {"min_trade_increment": "0"},
        ASSETS[0] | {"min_trade_increment": None},
        ASSETS[0] | {"price_increment": "NaN"},
        ASSETS[0] | {"id": None},
        ASSETS[0] | {"class": "us_equity", "symbol": "AAPL"},
    ],
)
def test_a_pair_that_cannot_be_read_is_left_out_and_the_others_stay(row: Any) -> None:
    assert [asset.name for asset in parse_assets([row, ASSETS[1]], D(10))] == ["BTC/USDC"]


@pytest.mark.parametrize("answer", [None, {}, "x", 1])
def test_an_answer_that_is_no_list_of_pairs_says_nothing(answer: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_assets(answer, D(10))


@pytest.mark.parametrize(
    ("spelling", "symbol"),
    [
        ("BTC-USD", "BTC-USD"),
        ("BTC/USD", "BTC-USD"),
        ("BTCUSD", "BTC-USD"),
        (" btcusd ", "BTC-USD"),
        ("BTCUSDC", "BTC-USDC"),
        ("eth/btc", "ETH-BTC"),
        ("DOGEUSD", "DOGE-USD"),
    ],
)
def test_every_spelling_is_known(spelling: str, symbol: str) -> None:
    assert TABLE.canonical(spelling) == symbol


def test_a_spelling_that_is_not_listed_is_refused_with_what_looks_like_it() -> None:
    with pytest.raises(InvalidAmount, match="BTC-USD"):
        TABLE.canonical("BTCUSDD")


# -- account and positions -------------------------------------------------------------------------------------------


def coin_of(asset_id: str, symbol: str) -> str:
    return symbol.removesuffix("USD")


def balances(account: dict[str, Any] | None = None, positions: Any = None) -> Any:
    info = parse_account(own("account") | (account or {}))
    return parse_balances(info, own("positions") if positions is None else positions, coin_of, 7.0)


def test_money_is_what_coins_can_be_bought_with() -> None:
    found = balances()
    assert found.available["USD"] == D("1110.4")
    assert found.held["USD"] == D(400)
    assert found.trading_balance == D("1135.9")
    assert found.fee_rate == D("0.0022")
    assert found.at == 7.0


def test_coins_that_orders_hold_are_not_there_to_be_sold() -> None:
    found = balances()
    assert found.available["BTC"] == D("0.010000001")
    assert found.held["BTC"] == D("0.001999999")
    assert found.holdings == {"BTC": D("0.012"), "OLD": D(3)}


def test_equity_is_everything_at_the_venues_prices_and_every_dollar_is_one() -> None:
    assert balances().equity == D("1510.4") + D("0.012") * 83533 + D("25.5") + 3 * 2 + 300


def test_equity_is_not_known_without_a_price() -> None:
    rows = own("positions")
    rows[0]["current_price"] = None
    assert balances(positions=rows).equity is None


def test_stocks_are_no_coins() -> None:
    assert "AAPL" not in balances().available


def test_a_debt_in_cash_is_nothing_to_spend() -> None:
    found = balances({"cash": "-20", "non_marginable_buying_power": "0"}, [])
    assert found.available == {"USD": 0}
    assert found.held == {}


@pytest.mark.parametrize(
    "rows",
    [
        None,
        {},
        [None],
        [{"symbol": "BTCUSD", "asset_class": "crypto"}],
        [own("positions")[0] | {"qty_available": None}],
    ],
)
def test_positions_that_cannot_be_read_are_not_taken_for_none(rows: Any) -> None:
    info = parse_account(own("account"))
    with pytest.raises(VenueUnclear):
        parse_balances(info, rows, coin_of, 0.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": "ACCOUNT_CLOSED"}, "ACCOUNT_CLOSED"),
        ({"crypto_status": "INACTIVE"}, "trading coins is INACTIVE"),
        ({"crypto_status": None}, "not enabled"),
        ({"account_blocked": True}, "blocked"),
        ({"trading_blocked": True}, "trading is blocked"),
        ({"transfers_blocked": True}, "transfers are blocked"),
        ({"trade_suspended_by_user": True}, "suspended by the user"),
    ],
)
def test_an_account_that_may_not_trade_says_why(change: dict[str, Any], said: str) -> None:
    trouble = parse_account(own("account") | change).trouble
    assert said in trouble
    assert "\n" not in trouble


def test_an_account_that_may_trade_has_no_trouble() -> None:
    assert parse_account(own("account")).trouble == ""
    assert parse_account(
        {"cash": "1", "non_marginable_buying_power": "1", "status": "ACTIVE", "crypto_status": "ACTIVE"}
    )


@pytest.mark.parametrize("change", [{"cash": None}, {"cash": "much"}, {"non_marginable_buying_power": "NaN"}])
def test_an_account_that_cannot_be_read_is_unclear(change: dict[str, Any]) -> None:
    with pytest.raises(VenueUnclear):
        parse_account(own("account") | change)


# -- prices ----------------------------------------------------------------------------------------------------------


def test_prices_are_exact_and_what_has_none_or_is_not_listed_is_left_out() -> None:
    quotes = parse_quotes(own("quotes"), TABLE)
    assert set(quotes) == {"BTC-USD", "DOGE-USD"}
    assert (quotes["BTC-USD"].bid, quotes["BTC-USD"].ask) == (D("83996.1"), D("84031.25"))
    assert (quotes["DOGE-USD"].bid, quotes["DOGE-USD"].ask) == (D("0.11"), D("0.1200060000000000001"))


@pytest.mark.parametrize("answer", [None, {}, {"quotes": None}, {"quotes": []}, []])
def test_an_answer_without_prices_says_nothing(answer: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_quotes(answer, TABLE)


# -- orders ----------------------------------------------------------------------------------------------------------

ORDER = MarketOrder(
    AccountId("a", BrokerType.ALPACA),
    ClientOrderId("3f1c2f5e-6f6c-5d7a-9a43-1d0b8a4c2e10"),
    "BTC-USD",
    Side.BUY,
    D("0.0002"),
    D(76_600),
)


def report(**changes: Any) -> OrderReport:
    return parse_order(own("order") | changes, "BTC-USD", RATE)


def test_a_filled_buy_pays_its_fee_in_coins() -> None:
    found = report()
    assert (found.executed, found.average_price, found.cost) == (D("0.0002"), D("76612.9"), D("15.32258"))
    assert (found.fee, found.fee_currency) == (fee_of(Side.BUY, D("0.0002"), D("15.32258"), RATE), "BTC")
    assert found.executed - found.fee <= D("0.000199499")
    assert found.final
    assert found.reason == ""


def test_a_filled_sell_pays_its_fee_in_money() -> None:
    found = report(side="sell")
    assert (found.fee, found.fee_currency) == (D("15.32258") * RATE, "USD")


def test_an_order_has_one_fill_under_its_own_id_with_all_its_sums() -> None:
    found = report()
    (fill,) = found.fills
    assert fill.trade_id == found.order_id == own("order")["id"]
    assert (fill.quantity, fill.price, fill.cost, fill.fee) == (found.executed, D("76612.9"), found.cost, found.fee)
    assert fill.fee_currency == "BTC"
    assert fill.time == pytest.approx(datetime(2026, 10, 2, 9, 58, 14, 204611, UTC).timestamp(), abs=1e-5)
    assert report().fills == found.fills


def test_a_fill_that_becomes_known_in_steps_is_told_once_when_it_is_whole() -> None:
    steps = [
        report(status="new", filled_qty="0", filled_avg_price=None, filled_at=None),
        report(status="partially_filled", filled_qty="0.00005", filled_at=None),
        report(status="partially_filled", filled_qty="0.00015", filled_at=None),
        report(),
    ]
    assert [step.final for step in steps] == [False, False, False, True]
    assert [len(step.fills) for step in steps] == [0, 0, 0, 1]
    assert [step.executed for step in steps] == [0, D("0.00005"), D("0.00015"), D("0.0002")]


@pytest.mark.parametrize("status", ["canceled", "expired"])
def test_what_was_filled_before_the_end_counts(status: str) -> None:
    found = report(status=status, filled_qty="0.00005", filled_at=None, canceled_at="2026-10-02T09:58:15Z")
    assert found.final
    assert found.reason == status
    assert found.fills[0].quantity == found.executed == D("0.00005")


@pytest.mark.parametrize("status", ["rejected", "canceled", "expired", "replaced"])
def test_an_order_that_ended_without_a_fill_has_none(status: str) -> None:
    found = report(status=status, filled_qty="0", filled_avg_price=None, filled_at=None)
    assert (found.final, found.fills, found.executed, found.reason) == (True, (), 0, status)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "filled", "filled_qty": "0", "filled_avg_price": None},
        {"status": "filled", "filled_avg_price": None},
        {"status": "pending_new"},
        {"status": "accepted"},
        {"status": "new"},
        {"status": "partially_filled"},
        {"status": "pending_cancel"},
        {"status": "done_for_day"},
        {"status": "held"},
        {"status": "calculated"},
        {"status": "a new word"},
    ],
)
def test_what_may_still_change_is_not_final_and_has_no_fill(changes: dict[str, Any]) -> None:
    found = report(**changes)
    assert not found.final
    assert found.fills == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"side": "both"},
        {"side": None},
        {"status": None},
        {"filled_qty": None},
        {"filled_qty": "many"},
        {"filled_avg_price": "NaN"},
        {"filled_at": "yesterday"},
    ],
)
def test_an_order_that_cannot_be_read_is_unclear(changes: dict[str, Any]) -> None:
    with pytest.raises(VenueUnclear):
        report(**changes)


def test_a_placed_order_is_known_by_its_name() -> None:
    assert parse_order_id(own("order"), ORDER) == own("order")["id"]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "x",
        {},
        own("order") | {"id": None},
        own("order") | {"id": ""},
        own("order") | {"client_order_id": "b"},
    ],
)
def test_an_answer_that_is_not_about_the_order_says_nothing_of_it(answer: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_order_id(answer, ORDER)


# -- lists -----------------------------------------------------------------------------------------------------------


def listed(**changes: Any) -> VenueOrder:
    (order,) = parse_orders([own("order") | changes], TABLE.canonical, RATE)
    return order


def test_a_listed_order_says_what_its_report_says() -> None:
    order, found = listed(), report()
    assert (order.order_id, order.client_order_id) == (found.order_id, ORDER.client_order_id)
    assert (order.symbol, order.side, order.open) == ("BTC-USD", Side.BUY, False)
    assert (order.quantity, order.executed) == (D("0.0002"), D("0.0002"))
    assert (order.cost, order.fee) == (found.cost, found.fee)
    assert order.time == pytest.approx(datetime(2026, 10, 2, 9, 58, 14, 162650, UTC).timestamp(), abs=1e-5)


def test_a_pair_that_is_not_listed_any_more_keeps_the_venues_spelling() -> None:
    assert listed(symbol="LUNA/USD").symbol == "LUNA/USD"


def test_an_order_by_amount_of_money_is_as_large_as_it_was_executed() -> None:
    assert listed(qty=None, notional="20").quantity == D("0.0002")


@pytest.mark.parametrize(
    ("status", "is_open"),
    [("new", True), ("partially_filled", True), ("pending_cancel", True), ("filled", False), ("rejected", False)],
)
def test_only_an_order_that_may_still_trade_is_open(status: str, is_open: bool) -> None:
    assert listed(status=status).open is is_open


def test_orders_of_stocks_are_left_out() -> None:
    assert parse_orders([own("order") | {"asset_class": "us_equity", "qty": None}], TABLE.canonical, RATE) == []


@pytest.mark.parametrize("answer", [None, {}, "x", [None], [own("order") | {"submitted_at": None, "created_at": None}]])
def test_a_list_that_cannot_be_read_is_not_taken_for_an_empty_one(answer: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_orders(answer, TABLE.canonical, RATE)


def page(count: int, last: str) -> list[dict[str, Any]]:
    return [own("order")] * (count - 1) + [own("order") | {"submitted_at": last}]


def test_the_next_page_begins_at_the_last_order_of_this_one() -> None:
    offset = parse_next_offset(page(500, "2026-10-01T00:00:00.123456789Z"), 0)
    assert offset is not None
    last = datetime(2026, 10, 1, 0, 0, 0, 123456, UTC)
    # Others may be of the same moment: it comes again, and is known by its id.
    assert timedelta(0) < moment_at(offset) - last <= timedelta(microseconds=2)


@pytest.mark.parametrize("count", [1, 499])
def test_a_page_that_is_not_full_is_the_last_one(count: int) -> None:
    assert parse_next_offset(page(count, "2026-10-01T00:00:00Z"), 5) is None


def test_pages_that_do_not_go_on_are_an_error_and_no_loop() -> None:
    rows = page(500, "2026-10-01T00:00:00Z")
    offset = parse_next_offset(rows, 0)
    assert offset is not None
    with pytest.raises(VenueUnclear):
        parse_next_offset(rows, offset)


@given(st.integers(0, 4_000_000_000_000_000))
def test_an_offset_is_a_moment(offset: int) -> None:
    assert moment_at(offset) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=offset)
