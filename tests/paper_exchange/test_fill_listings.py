"""What traded, asked for by REST: whoever follows an account by these lists sees every fill, and no fill twice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.paper_exchange.alpaca_client import AlpacaHouse, AlpacaTrader
from tests.paper_exchange.client import Paper, Trader, eventually
from tests.paper_exchange.coinbase_client import CoinbaseTrader
from tests.paper_exchange.websocket_client import listening

pytest_plugins = ["tests.paper_exchange.alpaca_fixtures"]


def by_hand(paper: Any, trader: Any, **more: Any) -> dict[str, Any]:
    order = {"account": trader.name, "symbol": "BTC-USD", "side": "buy", "type": "market", "volume": "0.025"}
    return paper.post("/orders", order | more)


def total(rows: list[dict[str, Any]], name: str) -> Decimal:
    return sum((Decimal(row[name]) for row in rows), Decimal(0))


class TestKraken:
    def history(self, trader: Trader, **fields: Any) -> dict[str, dict[str, Any]]:
        return trader.result("TradesHistory", **fields)["trades"]

    def test_the_names_are_those_of_the_socket(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/market/BTC-USD", depth="0.01")
        with listening(paper) as listener:
            listener.subscribe(trader)
            by_hand(paper, trader)
            reports = listener.reports(6)

        told = {report["exec_id"]: report for report in reports if report["exec_type"] == "trade"}
        single = self.history(trader, consolidate_taker="false")
        assert list(single) == list(told)[::-1]
        assert {name: Decimal(row["vol"]) for name, row in single.items()} == {
            name: report["last_qty"] for name, report in told.items()
        }

    def test_what_an_order_took_at_once_is_one_trade_unless_told_otherwise(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/market/BTC-USD", depth="0.01")
        order_id = by_hand(paper, trader)["order_id"]
        trader.market("sell", "0.001")
        order = trader.order(order_id)

        answer = trader.result("TradesHistory")
        sale, (name, row) = answer["trades"].items()

        assert answer["count"] == 2
        assert name == order["trades"][0]
        assert {key: row[key] for key in ("ordertxid", "vol", "cost")} == {
            "ordertxid": order_id,
            "vol": order["vol_exec"],
            "cost": order["cost"],
        }
        assert Decimal(row["fee"]) == Decimal(order["fee"])
        assert Decimal(row["price"]) == pytest.approx(Decimal(order["cost"]) / Decimal("0.025"), abs=Decimal("0.00001"))
        assert sale[1]["vol"] == "0.00100000"

    def test_what_waited_in_the_book_is_not_put_together(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/market/BTC-USD", depth="0.01")
        by_hand(paper, trader, type="limit", price="49000")
        paper.patch("/market/BTC-USD", price="48994")
        paper.patch("/market/BTC-USD", depth="1")

        rows = list(self.history(trader).values())

        assert [row["vol"] for row in rows] == ["0.01500000", "0.01000000"]
        assert all(row["maker"] for row in rows)

    def test_from_the_last_time_that_was_shown_only_what_is_later(self, trader: Trader) -> None:
        for _ in range(12):
            trader.market("buy", "0.001")
        rows = self.history(trader)
        newest = sorted(row["time"] for row in rows.values())

        for place, at in enumerate(newest):
            assert len(self.history(trader, start=repr(at))) == len(newest) - place - 1
            assert len(self.history(trader, end=repr(at))) == place + 1

    def test_page_by_page(self, trader: Trader) -> None:
        for _ in range(52):
            trader.market("buy", "0.001")

        pages = [self.history(trader, ofs=str(offset)) for offset in (0, 50)]

        assert [len(page) for page in pages] == [50, 2]
        assert len(pages[0] | pages[1]) == 52


class TestCoinbase:
    def fills(self, trader: CoinbaseTrader, **query: Any) -> list[dict[str, Any]]:
        return trader.get("/orders/historical/fills", **query)["fills"]

    def test_of_one_order_by_hand(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        coinbase.patch("/market/BTC-USD?venue=coinbase", depth="0.01")
        order_id = by_hand(coinbase, coinbase_trader)["order_id"]
        order = coinbase_trader.settled(order_id)
        coinbase_trader.trade("SELL", base_size="0.001")

        fills = self.fills(coinbase_trader, order_ids=[order_id])

        assert [fill["size"] for fill in fills] == ["0.005", "0.01", "0.01"]
        assert {(fill["order_id"], fill["size_in_quote"]) for fill in fills} == {(order_id, False)}
        assert total(fills, "commission") == Decimal(order["total_fees"])

    def test_sizes_are_in_quote_where_the_order_was(self, coinbase: Paper, coinbase_trader: CoinbaseTrader) -> None:
        coinbase.patch("/market/BTC-USD?venue=coinbase", depth="0.01")
        order = coinbase_trader.trade(quote_size="1000")

        fills = self.fills(coinbase_trader, order_ids=order["order_id"])

        assert len(fills) == 2
        assert all(fill["size_in_quote"] for fill in fills)
        assert total(fills, "size") == Decimal(order["filled_value"])
        base = sum((Decimal(fill["size"]) / Decimal(fill["price"]) for fill in fills), Decimal(0))
        assert base == pytest.approx(Decimal(order["filled_size"]), abs=Decimal("1e-12"))
        assert total(fills, "commission") + total(fills, "size") == Decimal("1000")

    def test_from_the_last_time_that_was_shown_on_it_is_shown_again(self, coinbase_trader: CoinbaseTrader) -> None:
        for _ in range(6):
            coinbase_trader.trade("SELL", base_size="0.001")
        times = [fill["sequence_timestamp"] for fill in self.fills(coinbase_trader)]

        for place, at in enumerate(times):
            assert len(self.fills(coinbase_trader, start_sequence_timestamp=at)) == place + 1
            assert len(self.fills(coinbase_trader, end_sequence_timestamp=at)) == len(times) - place

    def test_page_by_page_while_new_ones_come_in(self, coinbase_trader: CoinbaseTrader) -> None:
        for _ in range(5):
            coinbase_trader.trade("SELL", base_size="0.001")
        wanted = [fill["trade_id"] for fill in self.fills(coinbase_trader)]

        seen, cursor = [], ""
        while not seen or cursor:
            more = {"cursor": cursor} if cursor else {}
            page = coinbase_trader.get("/orders/historical/fills", limit=2, **more)
            seen += [fill["trade_id"] for fill in page["fills"]]
            cursor = page["cursor"]
            coinbase_trader.trade("SELL", base_size="0.001")

        assert seen == wanted


class TestAlpaca:
    def fills(self, trader: AlpacaTrader, **query: Any) -> list[dict[str, Any]]:
        return trader.get("/v2/account/activities/FILL", **query)

    def test_of_one_order_by_hand(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.market(depth="0.01")
        order_id = by_hand(alpaca, alpaca_trader)["order_id"]
        eventually(lambda: alpaca_trader.order(order_id)["status"] == "filled")
        alpaca_trader.trade("sell", qty="0.01")

        fills = self.fills(alpaca_trader, order_id=order_id)

        assert [fill["cum_qty"] for fill in fills] == ["0.025", "0.02", "0.01"]
        assert [fill["leaves_qty"] for fill in fills] == ["0", "0.005", "0.015"]
        assert [fill["type"] for fill in fills] == ["fill", "partial_fill", "partial_fill"]
        assert {(fill["order_id"], fill["symbol"], fill["side"]) for fill in fills} == {(order_id, "BTC/USD", "buy")}

    def test_after_the_last_time_that_was_shown_only_what_is_later(self, alpaca_trader: AlpacaTrader) -> None:
        for _ in range(6):
            alpaca_trader.trade(qty="0.01")
        times = [fill["transaction_time"] for fill in self.fills(alpaca_trader)]

        for place, at in enumerate(times):
            assert len(self.fills(alpaca_trader, after=at)) == place
            assert len(self.fills(alpaca_trader, until=at)) == len(times) - place - 1

    @pytest.mark.parametrize("direction", ["asc", "desc"])
    def test_page_by_page(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader, direction: str) -> None:
        alpaca.market(depth="0.01")
        alpaca_trader.trade(qty="0.05")
        wanted = [fill["id"] for fill in self.fills(alpaca_trader, direction=direction)]

        seen: list[str] = []
        while page := self.fills(
            alpaca_trader, direction=direction, page_size=2, **({"page_token": seen[-1]} if seen else {})
        ):
            seen += [fill["id"] for fill in page]

        assert len(wanted) == 5
        assert seen == wanted
