from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.kraken.orders import parse_order, parse_order_id, parse_order_ids, parse_trade
from bot.brokers.kraken.parse import (
    KrakenPair,
    parse_asset_names,
    parse_balances,
    parse_fee_rate,
    parse_key_info,
    parse_locked_balances,
    parse_pairs,
    parse_ticker,
    symbol_table,
)
from bot.domain.enums import BrokerType, InstrumentStatus, Side
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.ids import AccountId, ClientOrderId
from bot.domain.money import plain
from bot.domain.orders import MarketOrder
from tests.unit.brokers.kraken_data import own, recorded

D = Decimal
ORDER_ID = "OAB2CD-EF3GH-IJ4KLM"
NAMES = {"XXBT": "BTC", "XXDG": "DOGE", "ZUSD": "USD", "SOL": "SOL", "USDC": "USDC"}


def _pairs() -> dict[str, KrakenPair]:
    return {pair.instrument.symbol: pair for pair in parse_pairs(own("Assets.json"), own("AssetPairs.json"))}


def _order(**changes: Any) -> dict[str, Any]:
    return {**own("QueryOrders_market_buy.json")[ORDER_ID], **changes}


# -- pairs -----------------------------------------------------------------------------------------------------------


def test_assets_get_the_names_people_know() -> None:
    names = parse_asset_names(own("Assets.json"))
    assert names["XXBT"] == "BTC"
    assert names["XXDG"] == "DOGE"
    assert names["ZUSD"] == "USD"
    assert names["SOL"] == "SOL"


def test_a_pair_becomes_an_instrument_with_its_venue_names() -> None:
    pair = _pairs()["BTC-USD"]
    assert (pair.pair_id, pair.altname, pair.cost_decimals) == ("XXBTZUSD", "XBTUSD", 5)
    instrument = pair.instrument
    assert (instrument.base, instrument.quote) == ("BTC", "USD")
    assert instrument.lot_step == D("0.00000001")
    assert instrument.price_step == D("0.1")
    assert instrument.minimum_size == D("0.0001")
    assert instrument.minimum_cost == D("0.5")
    assert instrument.status is InstrumentStatus.ONLINE
    assert _pairs()["SOL-USD"].instrument.status is InstrumentStatus.POST_ONLY


def test_recorded_pairs_are_read() -> None:
    pairs = parse_pairs(
        recorded("live_2026-09-25/Assets.json"),
        recorded("live_2026-09-25/AssetPairs.json") | recorded("live_2025-11/http_asset_pairs.json"),
    )
    found = {pair.instrument.symbol: pair for pair in pairs}
    assert set(found) == {"BTC-USD", "DOGE-USD", "ETH-BTC", "SOL-USD", "ACA-ZEUR", "BTC-USDT"}
    assert found["DOGE-USD"].instrument.price_step == D("0.0000001")
    assert found["DOGE-USD"].altname == "XDGUSD"
    assert found["ACA-ZEUR"].instrument.status is InstrumentStatus.CANCEL_ONLY


@pytest.mark.parametrize(
    "row",
    [
        {},
        "text",
        None,
        {"base": "XXBT"},
        {"altname": "X", "base": "XXBT", "quote": "ZEUR", "lot_decimals": 8, "pair_decimals": 1, "ordermin": "NaN"},
        {"altname": "X", "base": "XXBT", "quote": "ZEUR", "pair_decimals": 1},
        {"altname": "X", "base": "XXBT", "quote": "ZEUR", "lot_decimals": 8},
        {"altname": "X", "base": "XXBT", "quote": "ZEUR", "lot_decimals": 99, "pair_decimals": 1},
        {"altname": "X", "base": "XXBT", "quote": "ZEUR", "lot_decimals": 8, "tick_size": "0"},
        {"base": "XXBT", "quote": "ZEUR", "lot_decimals": 8, "tick_size": "0.1"},
    ],
)
def test_a_pair_that_cannot_be_read_is_left_out_and_the_others_stay(row: Any) -> None:
    pairs = parse_pairs(own("Assets.json"), {"BAD": row, **own("AssetPairs.json")})
    assert "BTC-USD" in {pair.instrument.symbol for pair in pairs}
    assert "BAD" not in {pair.pair_id for pair in pairs}
    assert len(pairs) == len(own("AssetPairs.json"))


def test_missing_tick_size_and_minimum_cost_have_their_fallbacks() -> None:
    row = dict(own("AssetPairs.json")["XXBTZUSD"])
    del row["tick_size"], row["costmin"]
    [pair] = parse_pairs(own("Assets.json"), {"XXBTZUSD": row})
    assert pair.instrument.price_step == D("0.1")
    assert pair.instrument.minimum_cost == 0


def test_an_unknown_state_of_a_pair_counts_as_offline() -> None:
    row = {**own("AssetPairs.json")["XXBTZUSD"], "status": "work_in_progress"}
    [pair] = parse_pairs(own("Assets.json"), {"XXBTZUSD": row})
    assert pair.instrument.status is InstrumentStatus.OFFLINE


def test_a_dark_pool_and_a_second_pair_of_the_same_currencies_do_not_replace_the_first() -> None:
    row = own("AssetPairs.json")["XXBTZUSD"]
    pairs = parse_pairs(
        own("Assets.json"),
        {"XXBTZUSD.d": {**row, "altname": "XBTUSD.d"}, "XXBTZUSD": row, "OTHER": {**row, "altname": "OTHER"}},
    )
    assert [pair.pair_id for pair in pairs] == ["XXBTZUSD"]


# -- balances --------------------------------------------------------------------------------------------------------


def test_balances_are_what_can_be_spent_and_what_is_held() -> None:
    available, held = parse_balances(own("BalanceEx.json"), NAMES)
    assert available == {"USD": D("1000.2500"), "BTC": D("0.05"), "USDC": D("75"), "DOGE": D(0)}
    assert held == {"USD": D("200.25"), "USDC": D(5)}


def test_earning_and_staked_balances_are_told_apart() -> None:
    assert parse_locked_balances(own("BalanceEx.json"), NAMES) == {"BTC": D("0.01"), "DOT": D("12.5")}
    assert parse_locked_balances({"ETH2.S": "1", "LUNA2.S": "2", "USD.HOLD": "3"}, {"LUNA2": "LUNA2"}) == {
        "ETH": D(1),
        "LUNA2": D(2),
        "USD": D(3),
    }


def test_the_simple_balances_are_read_too() -> None:
    available, held = parse_balances(
        {"ZUSD": "171288.6158", "XXBT": "1011.1908877900", "NEW": "1", "XBT.F": "1"}, NAMES
    )
    assert available == {"USD": D("171288.6158"), "BTC": D("1011.19088779"), "NEW": D(1)}
    assert held == {}


@pytest.mark.parametrize(
    "result", [None, [], "x", {"ZUSD": None}, {"ZUSD": "NaN"}, {"ZUSD": {}}, {"ZUSD": {"balance": "x"}}, {"ZUSD": []}]
)
def test_balances_that_cannot_be_read_are_unclear(result: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_balances(result, NAMES)


@given(st.decimals(0, 10**9, places=10), st.decimals(0, 10**9, places=10))
def test_amounts_keep_their_last_digit(balance: Decimal, held: Decimal) -> None:
    available, bound = parse_balances({"XXBT": {"balance": plain(balance), "hold_trade": plain(held)}}, NAMES)
    assert available["BTC"] + bound.get("BTC", 0) == balance
    assert "E" not in plain(available["BTC"])


# -- prices ----------------------------------------------------------------------------------------------------------


def test_quotes_come_under_their_symbols() -> None:
    table = symbol_table(_pairs().values())
    quotes = parse_ticker(own("Ticker.json"), table, at=17.0)
    assert set(quotes) == {"BTC-USD", "ETH-USD", "USDT-USD"}
    quote = quotes["BTC-USD"]
    assert (quote.bid, quote.ask, quote.last, quote.at) == (D("64000.1"), D("64000.2"), D("64000"), 17.0)


def test_a_recorded_quote_is_read() -> None:
    table = symbol_table(_pairs().values())
    quotes = parse_ticker(recorded("live_2025-11/http_ticker.json"), table)
    assert quotes["BTC-USDT"].ask == D("105944.3")


@pytest.mark.parametrize("row", [None, {}, {"a": [], "b": [], "c": []}, {"a": ["0"], "b": ["0"], "c": ["0"]}])
def test_a_pair_without_a_price_is_left_out(row: Any) -> None:
    table = symbol_table(_pairs().values())
    quotes = parse_ticker({**own("Ticker.json"), "SOLUSD": row, "UNKNOWN": row}, table)
    assert set(quotes) == {"BTC-USD", "ETH-USD", "USDT-USD"}


# -- orders ----------------------------------------------------------------------------------------------------------


def test_a_filled_order_with_its_trades() -> None:
    report = parse_order(ORDER_ID, _order(), own("QueryTrades.json"), symbol="BTC-USD")
    assert (report.order_id, report.final, report.reason) == (ORDER_ID, True, "")
    assert (report.executed, report.average_price) == (D("0.003"), D("64000.3"))
    assert (report.cost, report.fee, report.fee_currency) == (D("192.0009"), D("0.768"), "USD")
    assert [fill.trade_id for fill in report.fills] == ["TAB2CD-EF3GH-IJ4KL1", "TAB2CD-EF3GH-IJ4KL2"]
    assert sum(fill.quantity for fill in report.fills) == report.executed
    assert sum(fill.cost for fill in report.fills) == report.cost
    assert sum(fill.fee for fill in report.fills) == report.fee
    assert {fill.fee_currency for fill in report.fills} == {"USD"}


@pytest.mark.parametrize(
    ("listed", "trades", "trade_id"),
    [
        (["TAB2CD-EF3GH-IJ4KL1"], None, "TAB2CD-EF3GH-IJ4KL1"),
        ([], None, ORDER_ID),
        (None, None, ORDER_ID),
        (["T1", "T2"], None, ORDER_ID),
        (["T1", "T2"], {}, ORDER_ID),
        (["TAB2CD-EF3GH-IJ4KL1", "T2"], own("QueryTrades.json"), ORDER_ID),
    ],
)
def test_without_its_trades_an_order_is_one_fill(listed: Any, trades: Any, trade_id: str) -> None:
    report = parse_order(ORDER_ID, _order(trades=listed), trades, symbol="BTC-USD")
    [fill] = report.fills
    assert (fill.trade_id, fill.quantity, fill.price) == (trade_id, D("0.003"), D("64000.3"))
    assert (fill.cost, fill.fee) == (report.cost, report.fee)
    assert fill.time == pytest.approx(1790000000.125913)


def test_a_price_that_is_missing_is_cost_by_size() -> None:
    report = parse_order(ORDER_ID, _order(price="0"), symbol="BTC-USD")
    assert report.average_price == D("64000.3")


def test_a_fee_may_be_taken_in_the_coin() -> None:
    report = parse_order(ORDER_ID, _order(oflags="fcib,viqc"), symbol="BTC-USD")
    assert report.fee_currency == "BTC"


@pytest.mark.parametrize(
    ("status", "final"),
    [("pending", False), ("open", False), ("closed", True), ("canceled", True), ("expired", True), ("new", False)],
)
def test_an_order_that_nothing_more_can_happen_to_is_final(status: str, final: bool) -> None:
    assert parse_order(ORDER_ID, _order(status=status)).final is final


def test_an_order_cancelled_after_a_part_keeps_the_part_and_the_reason() -> None:
    order = _order(status="canceled", reason="User requested", vol_exec="0.001", cost="64.0003", trades=None)
    report = parse_order(ORDER_ID, order, symbol="BTC-USD")
    assert (report.executed, report.reason, len(report.fills)) == (D("0.001"), "User requested", 1)
    untold = parse_order(ORDER_ID, _order(status="expired", reason=None))
    assert untold.reason == "expired"


def test_an_order_that_matched_nothing_has_no_fill() -> None:
    report = parse_order(
        ORDER_ID, _order(status="open", vol_exec="0.00000000", cost="0", fee="0", price="0", trades=[])
    )
    assert (report.executed, report.average_price, report.fills) == (0, 0, ())


@pytest.mark.parametrize(
    "order", [None, [], {}, _order(vol_exec=None), _order(vol_exec="x"), _order(status=None), _order(cost="NaN")]
)
def test_an_order_that_cannot_be_read_is_unclear(order: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_order(ORDER_ID, order)


@pytest.mark.parametrize("trade", [None, {}, {"vol": "1"}, {"vol": "1", "price": "1", "cost": "Infinity"}])
def test_a_trade_that_cannot_be_read_is_unclear(trade: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_trade("T1", trade)


def test_the_id_of_a_placed_order() -> None:
    assert parse_order_id({"descr": {"order": "buy 0.1"}, "txid": ["OL7LNO-R4SAD-6UINEU"]}) == "OL7LNO-R4SAD-6UINEU"


@pytest.mark.parametrize("result", [None, {}, {"txid": []}, {"txid": [None]}, {"txid": [""]}, {"txid": "O"}, []])
def test_an_answer_that_names_no_order_is_unclear(result: Any) -> None:
    with pytest.raises(VenueUnclear, match="names no order"):
        parse_order_id(result)


# -- fees and keys ---------------------------------------------------------------------------------------------------


def test_the_fee_of_an_account_is_a_rate() -> None:
    assert parse_fee_rate(own("TradeVolume.json"), "XXBTZUSD") == D("0.004")


@pytest.mark.parametrize("result", [{}, {"fees": None}, {"fees": []}, {"fees": {}}, {"fees": {"XXBTZUSD": {}}}])
def test_an_answer_without_a_fee_tells_none(result: Any) -> None:
    assert parse_fee_rate(result, "XXBTZUSD") is None


@pytest.mark.parametrize("fee", ["x", "-1", "100", "NaN"])
def test_a_fee_that_cannot_be_is_unclear(fee: str) -> None:
    with pytest.raises(VenueUnclear):
        parse_fee_rate({"fees": {"XXBTZUSD": {"fee": fee}}}, "XXBTZUSD")


def test_both_spellings_of_a_key_are_read() -> None:
    documented = parse_key_info(recorded("docs_examples/GetApiKeyInfo_camelCase.json"))
    assert documented.nonce_window == 0
    assert documented.valid_until is None
    assert documented.allowed_addresses == ()
    assert "modify-trades" in documented.permissions
    live = parse_key_info(recorded("docs_examples/GetApiKeyInfo_snake_case_live_2026-03-24.json"))
    assert live.nonce_window == 15
    assert live.allowed_addresses == ()
    assert {"withdraw-funds", "modify-trades"} <= live.permissions


def test_a_key_with_limits_shows_them() -> None:
    info = parse_key_info(
        {"permissions": ["query-funds"], "nonceWindow": 10, "validUntil": "1790000000", "ipAllowlist": ["192.0.2.7"]}
    )
    assert (info.nonce_window, info.valid_until, info.allowed_addresses) == (10, 1790000000, ("192.0.2.7",))


@pytest.mark.parametrize(
    "result", [None, {}, {"permissions": None}, {"permissions": [], "nonce_window": "x"}, {"permissions": "all"}]
)
def test_a_key_that_cannot_be_read_is_unclear(result: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_key_info(result)


_FIELDS = st.sampled_from(
    [
        *("vol_exec", "cost", "price", "status", "trades", "fee", "oflags", "closetm", "balance", "hold_trade", "fees"),
        *("permissions", "ipAllowlist", "txid", "a", "b", "c", "XXBTZUSD", "base", "quote", "altname", "lot_decimals"),
    ]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_FIELDS, inner, max_size=6),
    max_leaves=12,
)


@given(_JSON)
def test_whatever_json_comes_only_our_own_error_leaves_the_parsers(result: Any) -> None:
    table = symbol_table(_pairs().values())
    for parse in (
        lambda: parse_order("O1", result, result, symbol="BTC-USD"),
        lambda: parse_trade("T1", result),
        lambda: parse_balances(result, NAMES),
        lambda: parse_locked_balances(result, NAMES),
        lambda: parse_pairs(result, result),
        lambda: parse_ticker(result, table),
        lambda: parse_fee_rate(result, "XXBTZUSD"),
        lambda: parse_key_info(result),
        lambda: parse_order_id(result),
    ):
        try:
            parse()
        except VenueUnclear:
            continue


# -- orders by name --------------------------------------------------------------------------------------------------

WANTED = MarketOrder(
    AccountId("tania", BrokerType.KRAKEN), ClientOrderId("c-1"), "BTC-USD", Side.BUY, D("0.01"), D(50_000)
)


def _row(**changes: Any) -> dict[str, Any]:
    return {"cl_ord_id": "c-1", "vol": "0.01000000", "descr": {"type": "buy"}} | changes


@pytest.mark.parametrize("key", ["open", "closed"])
def test_an_order_is_found_by_its_name_whatever_else_is_listed(key: str) -> None:
    rows = {"O-1": _row(cl_ord_id="c-2"), "O-2": _row(vol="0.5", descr={"type": "sell"}), "O-3": _row(cl_ord_id="C-1")}
    assert parse_order_ids({key: rows}, key, WANTED) == ["O-2"]
    assert parse_order_ids({key: {}}, key, WANTED) == []


@pytest.mark.parametrize("name", [None, ""])
def test_a_row_without_a_name_has_to_fit_in_side_and_size(name: str | None) -> None:
    rows = {
        "O-1": _row(cl_ord_id=name),
        "O-2": _row(cl_ord_id=name, vol="0.02"),
        "O-3": _row(cl_ord_id=name, descr={"type": "sell"}),
    }
    assert parse_order_ids({"closed": rows}, "closed", WANTED) == ["O-1"]


@pytest.mark.parametrize("answer", [None, [], {}, {"open": {}}, {"closed": None}, {"closed": []}, "closed"], ids=repr)
def test_an_answer_without_the_list_is_not_read_as_an_empty_list(answer: Any) -> None:
    with pytest.raises(VenueUnclear):
        parse_order_ids(answer, "closed", WANTED)


@pytest.mark.parametrize("row", [{"vol": "x"}, {"vol": "0.01", "descr": None}, {"descr": {"type": "buy"}}], ids=repr)
def test_a_row_that_cannot_be_read_is_not_taken_for_another_order(row: Any) -> None:
    with pytest.raises((VenueUnclear, InvalidAmount)):
        parse_order_ids({"closed": {"O-1": row}}, "closed", WANTED)
