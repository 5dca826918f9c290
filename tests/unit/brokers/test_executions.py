"""What venues list apart, fills and orders, put together: each fill with the name and the sum of its order."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.brokers.alpaca import executions as alpaca
from bot.brokers.base.executions import ExecutionMemory, ExecutionSearch
from bot.brokers.coinbase import executions as coinbase
from bot.brokers.failures import NotFound
from bot.brokers.kraken import executions as kraken
from bot.domain.enums import BrokerType, Side
from bot.domain.errors import InvalidAmount, VenueUnclear
from bot.domain.executions import Execution
from bot.domain.ids import AccountId

D = Decimal
_DATA = Path(__file__).resolve().parents[2] / "data"
_SAMPLES = _DATA.parents[2] / "shared" / "samples"
SINCE = 1_790_000_010.5


def own(name: str) -> Any:
    return json.loads((_DATA / name).read_text(encoding="utf-8"), parse_float=Decimal)


def recorded(name: str) -> Any:
    path = _SAMPLES / name
    if not path.exists():
        pytest.skip("recorded answers (../shared/samples) are not here")
    return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)["body"]


class Listed:
    """A market of a few symbols; counts how often it is asked."""

    def __init__(self, **names: str) -> None:
        self.names = names
        self.symbols = tuple(names.values())
        self.asked = 0

    def canonical(self, text: str) -> str:
        self.asked += 1
        try:
            return self.names[text.replace("/", "").replace("-", "")]
        except KeyError:
            raise InvalidAmount(f"unknown symbol {text!r}") from None


MARKET = Listed(XXBTZUSD="BTC-USD", XBTUSD="BTC-USD", BTCUSD="BTC-USD", ETHUSD="ETH-USD", LTCUSD="LTC-USD")


class Script:
    """A client that answers from lists, call by call, and remembers what it was asked."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, Any]] = []

    def _answer(self, name: str, fields: Any) -> Any:
        self.asked.append((name, fields))
        answer = self.answers[name].pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def query_private(self, method: str, fields: Any) -> Any:
        return self._answer(method, fields)

    def get(self, path: str, params: Any) -> Any:
        return self._answer(path.rpartition("/")[2], {name: value for name, value in params.items() if value})

    def get_fills(self, after: Any, token: str | None) -> Any:
        return self._answer("fills", token)

    def get_orders(self, status: str, after: Any, until: Any) -> Any:
        return self._answer("orders", until)

    def get_order(self, order_id: str) -> Any:
        return self._answer("order", order_id)


def memory(venue: BrokerType, market: Listed = MARKET) -> ExecutionMemory:
    return ExecutionMemory(AccountId.master(venue), market)


def asked_out(search: ExecutionSearch) -> list[Execution]:
    for _ in range(50):
        goes_on = search.ask()
        assert search.missing == ""
        if not goes_on:
            return search.found()
    raise AssertionError("it has no end")


def sums(found: Iterable[Execution]) -> list[tuple[str, Decimal, Decimal]]:
    return [(one.order_id, one.executed_before, one.executed) for one in found]


# -- Kraken ----------------------------------------------------------------------------------------------------------

MARKET_ORDER, LIMIT_ORDER = "OMARKE-TORDER-00001", "OPEN4A-LIMIT-ORDER1"


def order(opened: float, executed: str, trades: list[str], status: str = "closed", **more: Any) -> dict[str, Any]:
    return {
        "status": status,
        "opentm": D(str(opened)),
        "descr": {"pair": "XBTUSD", "type": "buy"},
        "vol": "1.00000000",
        "vol_exec": executed,
        "cost": "1",
        "fee": "0.1",
        "oflags": "fciq",
        "trades": trades,
        **more,
    }


def kraken_trade(trade_id: str, of: str, time: float, volume: str, number: int) -> dict[str, Any]:
    row = own("kraken/TradesHistory.json")["trades"]["TQ3RT2-MKW2C-7YHLP2"]
    return {trade_id: {**row, "ordertxid": of, "time": D(str(time)), "vol": volume, "trade_id": number}}


def kraken_orders(limit_trades: list[str], limit_executed: str) -> dict[str, Any]:
    return {
        MARKET_ORDER: order(
            1790000020.12, "0.00400000", ["TQ3RT1-MKW2C-7YHLP1", "TQ3RT2-MKW2C-7YHLP2"], cl_ord_id="name-1"
        ),
        LIMIT_ORDER: order(1789990000.5, limit_executed, limit_trades, "open", oflags="fcib"),
    }


def test_kraken_spot_trades_of_listed_pairs_are_told_and_others_are_not(caplog: pytest.LogCaptureFixture) -> None:
    client = Script(
        TradesHistory=[own("kraken/TradesHistory.json")],
        QueryOrders=[kraken_orders(["TQ3RT5-MKW2C-7YHLP5"], "0.00200000")],
    )
    known = memory(BrokerType.KRAKEN)
    with caplog.at_level(logging.WARNING):
        found = asked_out(kraken.KrakenSearch(client, SINCE, known))  # type: ignore[arg-type]
    assert sums(found) == [
        (MARKET_ORDER, D(0), D("0.00100000")),
        (MARKET_ORDER, D("0.00100000"), D("0.00400000")),
        (LIMIT_ORDER, D(0), D("0.00200000")),
    ]
    first, _, third = found
    assert (first.symbol, first.side, first.price, first.fee, first.fee_currency) == (
        "BTC-USD",
        Side.SELL,
        D("64000.30000"),
        D("0.16640"),
        "USD",
    )
    assert (first.client_order_id, third.client_order_id) == ("name-1", None)
    assert [one.complete for one in found] == [False, True, False]
    assert third.fee_currency == "BTC"
    assert third.time == 1790000050.7512
    assert [record.message for record in caplog.records if "AAPLxUSD" in record.message] == [
        "master:kraken: trades in AAPLxUSD are not followed: it is no pair of the list"
    ]
    assert client.asked[0] == ("TradesHistory", {"start": 1790000009, "ofs": 0, "consolidate_taker": "false"})
    assert client.asked[1][1]["txid"] == f"{LIMIT_ORDER},{MARKET_ORDER}"
    assert (client.asked[1][1]["trades"], client.asked[1][1]["consolidate_taker"]) == ("true", "false")


def test_kraken_trades_of_an_order_that_began_before_are_asked_for_once() -> None:
    early, between = "TEARLY-00000-000001", "TBETWE-00000-000001"
    rows = own("kraken/TradesHistory.json")
    asked_for = [early, "TQ3RT5-MKW2C-7YHLP5", between]

    def client() -> Script:
        return Script(
            TradesHistory=[rows],
            QueryOrders=[kraken_orders(asked_for, "0.00350000")],
            QueryTrades=[
                kraken_trade(early, LIMIT_ORDER, 1789999000.5, "0.00100000", 800)
                | kraken_trade(between, LIMIT_ORDER, 1790000051.5, "0.00050000", 906)
            ],
        )

    known, first = memory(BrokerType.KRAKEN), client()
    found = asked_out(kraken.KrakenSearch(first, SINCE, known))  # type: ignore[arg-type]
    assert sums(found)[2:] == [
        (LIMIT_ORDER, D("0.00100000"), D("0.00300000")),
        (LIMIT_ORDER, D("0.00300000"), D("0.00350000")),
    ]
    assert [name for name, _ in first.asked] == ["TradesHistory", "QueryOrders", "QueryTrades"]
    assert first.asked[2][1] == {"txid": f"{early},{between}"}
    again = client()
    assert asked_out(kraken.KrakenSearch(again, SINCE, known)) == found  # type: ignore[arg-type]
    assert [name for name, _ in again.asked] == ["TradesHistory", "QueryOrders"]
    assert again.asked[1][1]["txid"] == LIMIT_ORDER


def test_kraken_an_order_whose_trades_are_not_named_ends_at_its_sum() -> None:
    client = Script(TradesHistory=[own("kraken/TradesHistory.json")], QueryOrders=[kraken_orders([], "0.00900000")])
    found = asked_out(kraken.KrakenSearch(client, SINCE, memory(BrokerType.KRAKEN)))  # type: ignore[arg-type]
    assert sums(found)[2:] == [(LIMIT_ORDER, D("0.00700000"), D("0.00900000"))]


def test_kraken_what_is_not_shown_yet_is_named_and_asked_for_again() -> None:
    rows, orders = own("kraken/TradesHistory.json"), kraken_orders(["TQ3RT5-MKW2C-7YHLP5", "TLATER"], "0.003")
    client = Script(
        TradesHistory=[rows],
        QueryOrders=[{MARKET_ORDER: orders[MARKET_ORDER]}, orders],
        QueryTrades=[{}, kraken_trade("TLATER", LIMIT_ORDER, 1790000051.5, "0.001", 906)],
    )
    search = kraken.KrakenSearch(client, SINCE, memory(BrokerType.KRAKEN))  # type: ignore[arg-type]
    assert search.ask()
    assert search.ask()
    assert search.missing == f"the order {LIMIT_ORDER}"
    assert search.ask()
    assert search.missing == ""
    assert client.asked[-1][1]["txid"] == LIMIT_ORDER
    assert search.ask()
    assert search.missing == "the trade TLATER"
    assert not search.ask()
    assert search.missing == ""
    assert sums(search.found())[-1] == (LIMIT_ORDER, D("0.00200000"), D("0.00300000"))


@pytest.mark.parametrize(
    "more",
    [
        {"margin": "54.0"},
        {"leverage": "5"},
        {"posstatus": "closed"},
        {"misc": "closing"},
        {"ordertype": "settle-position"},
    ],
    ids=["margin", "leverage", "position", "closing", "settled"],
)
def test_kraken_trades_on_margin_move_no_coins(more: dict[str, str]) -> None:
    rows = own("kraken/TradesHistory.json")["trades"]
    rows = {"T1": {**rows["TQ3RT2-MKW2C-7YHLP2"], **more}}
    assert kraken.parse_fills(rows, MARKET.canonical) == []


@pytest.mark.parametrize("field", ["ordertxid", "pair", "time", "type", "price", "vol"])
def test_kraken_a_trade_that_cannot_be_read_is_no_trade_of_nothing(field: str) -> None:
    row = own("kraken/TradesHistory.json")["trades"]["TQ3RT2-MKW2C-7YHLP2"]
    del row[field]
    with pytest.raises(VenueUnclear, match="T1"):
        kraken.parse_fills({"T1": row}, MARKET.canonical)


# -- Coinbase --------------------------------------------------------------------------------------------------------


def coinbase_fill(trade_id: str, of: str, second: int, size: str, **more: Any) -> dict[str, Any]:
    (row,) = own("coinbase/fills.json")["fills"]
    return {**row, "trade_id": trade_id, "order_id": of, "size": size, "trade_time": _rfc(second), **more}


def _rfc(second: int) -> str:
    return f"2026-09-21T14:13:{second:02d}.5Z"


#: 2026-09-21T14:13:00Z.
NOON = 1_790_000_000 - 20


def coinbase_order(order_id: str, executed: str, created: int = 31, **more: Any) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "client_order_id": f"name of {order_id}",
        "product_id": "ETH-USD",
        "side": "SELL",
        "status": "FILLED",
        "filled_size": executed,
        "filled_value": "2700",
        "total_fees": "27",
        "created_time": _rfc(created),
        **more,
    }


def coinbase_page(*fills: dict[str, Any], cursor: str = "") -> dict[str, Any]:
    return {"fills": list(fills), "cursor": cursor}


def coinbase_orders(*orders: dict[str, Any]) -> dict[str, Any]:
    return {"orders": list(orders), "has_next": False, "cursor": ""}


def test_coinbase_fills_of_a_moment_keep_their_order_over_pages() -> None:
    client = Script(
        fills=[
            coinbase_page(coinbase_fill("t3", "o1", 40, "0.3"), coinbase_fill("t2", "o1", 40, "0.2"), cursor="next"),
            coinbase_page(coinbase_fill("t1", "o1", 40, "0.1"), cursor="none"),
            coinbase_page(),
        ],
        batch=[coinbase_orders(coinbase_order("o1", "0.6"))],
    )
    found = asked_out(coinbase.CoinbaseSearch(client, NOON + 30, memory(BrokerType.COINBASE)))  # type: ignore[arg-type]
    assert [one.quantity for one in found] == [D("0.1"), D("0.2"), D("0.3")]
    assert [one.executed for one in found] == [D("0.1"), D("0.3"), D("0.6")]
    assert [one.complete for one in found] == [False, False, True]
    assert {one.client_order_id for one in found} == {"name of o1"}
    assert (found[0].fee, found[0].fee_currency) == (D("10.125"), "USD")
    assert client.asked[0] == ("fills", {"start_sequence_timestamp": "2026-09-21T14:13:29.000Z", "limit": 100})
    assert [asked.get("cursor") for name, asked in client.asked if name == "fills"] == [None, "next", "none"]


def test_coinbase_of_an_order_that_began_before_all_fills_are_asked_for() -> None:
    new = coinbase_fill("t3", "o1", 40, "0.3")
    client = Script(
        fills=[
            coinbase_page(new),
            coinbase_page(new, coinbase_fill("t2", "o1", 20, "0.2"), cursor="more"),
            coinbase_page(coinbase_fill("t1", "o1", 10, "0.1")),
        ],
        batch=[coinbase_orders(coinbase_order("o1", "0.6", created=5, status="OPEN"))],
    )
    (one,) = asked_out(coinbase.CoinbaseSearch(client, NOON + 30, memory(BrokerType.COINBASE)))  # type: ignore[arg-type]
    assert (one.executed_before, one.executed, one.complete) == (D("0.3"), D("0.6"), False)
    assert [asked for name, asked in client.asked if name == "fills"][1:] == [
        {"order_ids": ["o1"], "limit": 100},
        {"order_ids": ["o1"], "limit": 100, "cursor": "more"},
    ]


def test_coinbase_an_order_sized_in_quote_is_told_as_one_from_its_beginning() -> None:
    in_quote = {"size_in_quote": True, "side": "BUY"}
    client = Script(
        fills=[
            coinbase_page(
                coinbase_fill("t2", "o1", 41, "1000", price="2701", **in_quote),
                coinbase_fill("t1", "o1", 40, "1700", price="2700", **in_quote),
            )
        ],
        batch=[
            coinbase_orders(coinbase_order("o1", "0", side="BUY")),
            coinbase_orders(coinbase_order("o1", "0.9998765432101234", side="BUY")),
        ],
    )
    search = coinbase.CoinbaseSearch(client, NOON + 30, memory(BrokerType.COINBASE))  # type: ignore[arg-type]
    assert search.ask()
    assert search.ask()
    assert search.missing == "the order o1", "filled and with nothing executed it trails behind its fills"
    (one,) = asked_out(search)
    assert one.quantity == one.executed == D("0.9998765432101234")
    assert one.cost == pytest.approx(D(2700))
    assert (one.side, one.fee, one.fee_currency, one.complete) == (Side.BUY, D(27), "USD", True)
    assert one.time == NOON + 41.5


@pytest.mark.parametrize(
    "more",
    [{"product_id": "BIT-30OCT26-CDE"}, {"trade_type": "REVERSAL"}],
    ids=["futures", "correction"],
)
def test_coinbase_what_is_no_spot_trade_is_left_out(more: dict[str, str]) -> None:
    client = Script(fills=[coinbase_page(coinbase_fill("t1", "o1", 40, "1", **more))])
    assert asked_out(coinbase.CoinbaseSearch(client, NOON, memory(BrokerType.COINBASE))) == []  # type: ignore[arg-type]


# -- Alpaca ----------------------------------------------------------------------------------------------------------


def activity(trade_id: str, of: str, executed: str, **more: Any) -> dict[str, Any]:
    (row,) = own("alpaca/activities_fill.json")
    return {
        **row,
        "id": trade_id,
        "order_id": of,
        "cum_qty": executed,
        "leaves_qty": "1",
        "type": "partial_fill",
        **more,
    }


def alpaca_order(order_id: str, executed: str, status: str = "filled") -> dict[str, Any]:
    row = own("alpaca/bot_order.json")
    return {
        **row,
        "id": order_id,
        "client_order_id": f"name of {order_id}",
        "symbol": "LTC/USD",
        "filled_qty": executed,
        "status": status,
    }


def test_alpaca_tells_by_itself_how_much_of_the_order_is_executed() -> None:
    client = Script(
        fills=[
            [
                activity("a2", "o1", "0.9", symbol="LTCUSD"),
                activity("a1", "o1", "0.5", qty="0.1"),
                activity("s1", "o9", "3", symbol="AAPL"),
                activity("a3", "o2", "0.4", type="fill", order_status="filled"),
            ]
        ],
        order=[alpaca_order("o1", "0.9", "canceled"), alpaca_order("o2", "0.4")],
    )
    found = asked_out(alpaca.AlpacaSearch(client, SINCE, memory(BrokerType.ALPACA)))  # type: ignore[arg-type]
    assert sums(found) == [("o1", D("0.4"), D("0.5")), ("o1", D("0.5"), D("0.9")), ("o2", D(0), D("0.4"))]
    assert [one.complete for one in found] == [False, True, True], "a canceled order has no further fill"
    assert {one.symbol for one in found} == {"LTC-USD"}
    assert {(one.fee, one.fee_currency) for one in found} == {(D(0), "")}
    assert [one.client_order_id for one in found] == ["name of o1", "name of o1", "name of o2"]


def test_alpaca_many_orders_are_had_from_a_list_and_old_ones_one_by_one() -> None:
    names = [f"o{number}" for number in range(6)]
    client = Script(
        fills=[[activity(f"a-{name}", name, "0.4") for name in names]],
        orders=[[alpaca_order(name, "0.4") for name in names[1:]]],
        order=[NotFound("no order"), alpaca_order("o0", "0.4")],
    )
    search = alpaca.AlpacaSearch(client, SINCE, memory(BrokerType.ALPACA))  # type: ignore[arg-type]
    assert [search.ask(), search.ask(), search.ask()] == [True, True, True]
    assert search.missing == "the order o0"
    assert {one.order_id for one in asked_out(search)} == set(names)
    assert [name for name, _ in client.asked] == ["fills", "orders", "order", "order"]


def test_alpaca_pages_go_on_from_the_last_activity() -> None:
    full = [activity(f"a{number:03d}", "o1", "0.4") for number in range(100)]
    client = Script(fills=[full, [activity("b", "o1", "0.5")]], order=[alpaca_order("o1", "0.5")])
    found = asked_out(alpaca.AlpacaSearch(client, SINCE, memory(BrokerType.ALPACA)))  # type: ignore[arg-type]
    assert len(found) == 101
    assert [asked for name, asked in client.asked if name == "fills"] == [None, "a099"]
    with pytest.raises(VenueUnclear, match="do not go on"):
        alpaca.parse_next_token(full, "a099")


# -- recorded, and what they share -----------------------------------------------------------------------------------


def test_recorded_fills_are_read() -> None:
    (one,) = alpaca.parse_fills(recorded("alpaca/activity_fill.json"), lambda name: name)
    assert (one.symbol, one.quantity, one.executed, one.last) == ("LTC/USD", D("0.07"), D("0.07"), True)
    (other,) = coinbase.parse_venue_fills(recorded("coinbase/fills.json"), lambda name: name)
    assert (other.symbol, other.side, other.quantity, other.fee) == ("ADA-USDT", Side.SELL, D(10), D("0.03136"))
    assert other.time == 1700993987.504


def test_what_is_not_listed_is_looked_for_again_once_the_list_has_changed() -> None:
    market = Listed(BTCUSD="BTC-USD")
    known = memory(BrokerType.ALPACA, market)
    assert [known.symbol_of("NEWUSD"), known.symbol_of("NEWUSD")] == [None, None]
    assert market.asked == 1
    market.names["NEWUSD"], market.symbols = "NEW-USD", ("BTC-USD", "NEW-USD")
    assert known.symbol_of("NEWUSD") == "NEW-USD"


def test_the_memory_forgets_the_oldest() -> None:
    fills = alpaca.parse_fills([activity("a0", "o1", "0.4")], lambda name: name)
    known = memory(BrokerType.ALPACA)
    known.note_fills(replace(fills[0], trade_id=f"a{number}") for number in range(10_003))  # type: ignore[arg-type]
    assert len(known.fills) == 10_000
    assert "a2" not in known.fills
    assert "a3" in known.fills
