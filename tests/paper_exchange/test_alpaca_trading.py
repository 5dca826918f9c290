"""What becomes of orders at Alpaca: fills after the answer, fees in coin, partial fills, positions."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from tests.paper_exchange.alpaca_client import AlpacaHouse, AlpacaTrader, recorded
from tests.paper_exchange.client import eventually

pytest_plugins = ["tests.paper_exchange.alpaca_fixtures"]

FEE = Decimal("0.0025")
LIMIT = {"type": "limit", "qty": "0.1"}


class TestTheAnswerComesBeforeTheFill:
    @pytest.mark.parametrize("delay_s", [0, 0.02], ids=["even when the fill is first", "as usual"])
    def test_it_says_pending_new(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader, delay_s: float) -> None:
        alpaca.settings(fill_delay_s=delay_s)

        placed = alpaca_trader.place(qty="0.1")

        assert (placed["status"], placed["filled_qty"], placed["filled_avg_price"]) == ("pending_new", "0", None)
        assert alpaca_trader.settled(placed)["status"] == "filled"

    def test_until_the_fill_the_money_is_held(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.settings(fill_delay_s=1.5)

        buy = alpaca_trader.place(qty="0.1")
        sale = alpaca_trader.place("sell", qty="0.4")

        account, position = alpaca_trader.get("/v2/account"), alpaca_trader.position()
        assert alpaca_trader.order(buy["id"])["status"] == "new"
        assert (account["cash"], account["non_marginable_buying_power"]) == ("100000", "94999.5")
        assert (position["qty"], position["qty_available"]) == ("1", "0.6")
        assert alpaca_trader.get("/v2/account/activities/FILL") == []
        assert alpaca_trader.settled(buy)["status"] == alpaca_trader.settled(sale)["status"] == "filled"

    def test_it_fills_at_the_price_of_then(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.settings(fill_delay_s=1.5)
        placed = alpaca_trader.place(qty="0.1")

        alpaca.market(price="50100")

        assert alpaca_trader.settled(placed)["filled_avg_price"] == "50105"

    def test_who_cannot_pay_then_is_rejected(self, alpaca: AlpacaHouse) -> None:
        alpaca.settings(fill_delay_s=1.5)
        trader = alpaca.open({"USD": "5001"})
        placed = trader.place(qty="0.1")

        alpaca.market(price="60000")

        order = trader.settled(placed)
        assert (order["status"], order["filled_qty"], order["canceled_at"]) == ("rejected", "0", None)
        assert order["failed_at"] == order["updated_at"]
        assert trader.get("/v2/account")["buying_power"] == "5001"

    def test_it_can_be_canceled_before(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.settings(fill_delay_s=1.5)
        placed = alpaca_trader.place(qty="0.1")

        canceled = alpaca_trader.call("DELETE", f"/v2/orders/{placed['id']}")

        assert (canceled.status_code, canceled.content) == (204, b"")
        time.sleep(1.7)
        order = alpaca_trader.order(placed["id"])
        assert (order["status"], order["filled_qty"], order["canceled_at"]) == ("canceled", "0", order["updated_at"])
        assert alpaca_trader.books()["trades"] == []


class TestFees:
    @pytest.mark.parametrize(
        ("bought", "received"),
        [
            ("0.0004", "0.000399"),
            ("0.1", "0.09975"),
            ("0.000200001", "0.0001995"),
            ("0.000200003", "0.000199502"),
            ("0.123456789", "0.123148147"),
        ],
    )
    def test_a_purchase_pays_in_coin(self, alpaca: AlpacaHouse, bought: str, received: str) -> None:
        trader = alpaca.open({"USD": "10000"})

        order = trader.trade(qty=bought)

        assert order["filled_qty"] == bought
        assert trader.position()["qty"] == trader.position()["qty_available"] == received
        (trade,) = trader.books()["trades"]
        assert (Decimal(trade["fee"]), trade["fee_asset"]) == (Decimal(bought) - Decimal(received), "BTC")
        assert 0 <= Decimal(trade["fee"]) - Decimal(bought) * FEE < Decimal("1e-9")
        assert Decimal(alpaca.get(f"/accounts/{trader.name}")["balances"]["USD"]) == 10000 - Decimal(bought) * 50005

    def test_a_sale_pays_in_dollars(self, alpaca: AlpacaHouse) -> None:
        trader = alpaca.open({"BTC": "1"})

        order = trader.trade("sell", qty="0.4")

        assert order["filled_qty"] == "0.4"
        assert trader.position()["qty"] == "0.6"
        assert Decimal(alpaca.get(f"/accounts/{trader.name}")["balances"]["USD"]) == Decimal("19948.005")
        assert trader.get("/v2/account")["cash"] == "19948"
        (trade,) = trader.books()["trades"]
        assert (Decimal(trade["fee"]), trade["fee_asset"]) == (Decimal("0.4") * 49995 * FEE, "USD")

    def test_what_was_bought_is_more_than_can_be_sold(self, alpaca: AlpacaHouse) -> None:
        trader = alpaca.open({"USD": "10000"})
        trader.trade(qty="0.12")

        refused = trader.submit("sell", qty="0.12")

        sample = recorded("errors")["too_few_coins"]
        assert (refused.status_code, refused.json()) == (sample["status"], sample["body"])
        assert trader.trade("sell", qty=trader.position()["qty_available"])["status"] == "filled"
        assert trader.get("/v2/positions") == []

    def test_fills_say_nothing_of_fees(self, alpaca_trader: AlpacaTrader) -> None:
        alpaca_trader.trade(qty="0.1")

        (fill,) = alpaca_trader.get("/v2/account/activities/FILL")

        assert fill["qty"] == "0.1"
        assert not [name for name in fill if "fee" in name or "commission" in name]

    def test_the_rate_can_be_set(self, alpaca: AlpacaHouse) -> None:
        trader = alpaca.open({"USD": "10000"}, fee_rate="0.01")

        trader.trade(qty="0.1")

        assert trader.position()["qty"] == "0.099"


class TestSizes:
    @pytest.mark.parametrize("amount", [100.5, "100.50", 100, "100"], ids=["float", "text", "int", "whole text"])
    def test_an_amount_of_dollars(self, alpaca_trader: AlpacaTrader, amount: float | str) -> None:
        order = alpaca_trader.trade(notional=amount)

        shown = str(amount).removesuffix("0") if "." in str(amount) else str(amount)
        assert (order["notional"], order["qty"]) == (shown, None)
        assert Decimal(order["filled_qty"]) == (Decimal(str(amount)) / 50005).quantize(Decimal("1e-9"), "ROUND_DOWN")
        assert order["filled_avg_price"] == "50005"
        assert order["status"] == "filled"

    def test_an_amount_of_dollars_to_sell_for(self, alpaca_trader: AlpacaTrader) -> None:
        order = alpaca_trader.trade("sell", notional="100")

        assert (order["notional"], order["qty"], order["filled_qty"]) == ("100", None, "0.0020002")

    @pytest.mark.parametrize(
        ("sent", "shown"),
        [(b"0.123456789", "0.123456789"), (b'"0.123456789"', "0.123456789"), (b"2.5e-04", "0.00025"), (b"1", "1")],
        ids=["number", "text", "exponent", "whole"],
    )
    def test_numbers_keep_their_digits(self, alpaca_trader: AlpacaTrader, sent: bytes, shown: str) -> None:
        body = b'{"symbol":"BTC/USD","side":"buy","type":"market","time_in_force":"gtc","qty":' + sent + b"}"

        answer = alpaca_trader.session.post(f"{alpaca_trader.alpaca.url}/v2/orders", data=body, timeout=30)

        assert answer.json()["qty"] == shown
        assert alpaca_trader.settled(answer.json())["filled_qty"] == shown


class TestPartialFills:
    def test_an_order_comes_in_two_parts(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.settings(partial_fill_probability=1, fill_delay_s=1.5)
        placed = alpaca_trader.place(qty="0.1")

        def in_part() -> dict[str, Any] | None:
            order = alpaca_trader.order(placed["id"])
            return order if order["status"] == "partially_filled" else None

        part, whole = eventually(in_part), alpaca_trader.settled(placed)

        assert Decimal(0) < Decimal(part["filled_qty"]) < Decimal("0.1")
        assert (part["filled_avg_price"], part["filled_at"]) == ("50005", None)
        assert (whole["status"], whole["filled_qty"]) == ("filled", "0.1")
        last, first = alpaca_trader.get("/v2/account/activities/FILL")
        assert (first["type"], first["order_status"], first["qty"]) == (
            "partial_fill",
            "partially_filled",
            part["filled_qty"],
        )
        assert (last["type"], last["order_status"], last["cum_qty"], last["leaves_qty"]) == (
            "fill",
            "filled",
            "0.1",
            "0",
        )
        assert Decimal(first["leaves_qty"]) == Decimal("0.1") - Decimal(part["filled_qty"])
        assert alpaca_trader.position()["qty"] == "1.09975"

    def test_an_amount_comes_in_two_parts_as_well(self, alpaca: AlpacaHouse) -> None:
        alpaca.settings(partial_fill_probability=1)
        trader = alpaca.open({"USD": "100"})

        order = trader.trade(notional="100")

        assert order["status"] == "filled"
        assert Decimal("99.9999") < Decimal(order["filled_qty"]) * 50005 <= 100
        assert len(trader.books()["trades"]) == 2

    def test_about_as_often_as_it_is_set(self, alpaca: AlpacaHouse) -> None:
        trader = alpaca.open({"USD": "100000000"})
        alpaca.settings(partial_fill_probability=0.3)

        placed = [trader.place(notional="10") for _ in range(100)]

        assert {trader.settled(order)["status"] for order in placed} == {"filled"}
        assert 110 < len(trader.books()["trades"]) < 150

    def test_what_has_filled_stays_when_the_rest_is_canceled(
        self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader
    ) -> None:
        alpaca.settings(partial_fill_probability=1, fill_delay_s=1.5)
        placed = alpaca_trader.place(qty="0.1")
        eventually(lambda: alpaca_trader.order(placed["id"])["status"] == "partially_filled")

        alpaca_trader.call("DELETE", f"/v2/orders/{placed['id']}")

        order = alpaca_trader.order(placed["id"])
        assert order["status"] == "canceled"
        assert Decimal(0) < Decimal(order["filled_qty"]) < Decimal("0.1")
        (fill,) = alpaca_trader.get("/v2/account/activities/FILL")
        assert (fill["type"], fill["qty"]) == ("partial_fill", order["filled_qty"])


class TestLimitOrders:
    def test_it_rests_and_fills_at_its_price(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        placed = alpaca_trader.place(**LIMIT, limit_price="49000")
        assert (placed["status"], placed["limit_price"]) == ("pending_new", "49000")
        assert alpaca_trader.order(placed["id"])["status"] == "new"
        assert alpaca_trader.get("/v2/account")["non_marginable_buying_power"] == "95100"

        alpaca.market(price="48000")

        order = alpaca_trader.settled(placed)
        assert (order["status"], order["filled_avg_price"]) == ("filled", "49000")

    def test_it_is_canceled(self, alpaca_trader: AlpacaTrader) -> None:
        placed = alpaca_trader.place(**LIMIT, limit_price="49000")

        assert alpaca_trader.call("DELETE", f"/v2/orders/{placed['id']}").status_code == 204

        assert alpaca_trader.order(placed["id"])["status"] == "canceled"
        again = alpaca_trader.call("DELETE", f"/v2/orders/{placed['id']}")
        assert again.status_code == 422
        assert again.json() == {"code": 42210000, "message": 'order is already in "canceled" state'}

    def test_all_are_canceled(self, alpaca_trader: AlpacaTrader) -> None:
        placed = [alpaca_trader.place(**LIMIT, limit_price=price)["id"] for price in ("49000", "48000")]

        answer = alpaca_trader.call("DELETE", "/v2/orders")

        assert (answer.status_code, answer.json()) == (207, [{"id": order_id, "status": 200} for order_id in placed])
        assert alpaca_trader.get("/v2/orders") == []

    def test_at_once_or_not_at_all(self, alpaca_trader: AlpacaTrader) -> None:
        placed = alpaca_trader.place(**LIMIT, limit_price="49000", time_in_force="ioc")

        order = alpaca_trader.settled(placed)

        assert (order["status"], order["filled_qty"], order["time_in_force"]) == ("canceled", "0", "ioc")

    def test_at_a_price_that_is_there_it_fills(self, alpaca_trader: AlpacaTrader) -> None:
        order = alpaca_trader.trade(type="limit", notional="100", limit_price="50100")

        assert (order["status"], order["filled_avg_price"], order["filled_qty"]) == ("filled", "50005", "0.001996007")


class TestPositions:
    def test_cost_is_what_was_paid(self, alpaca: AlpacaHouse) -> None:
        trader = alpaca.open({"USD": "100000"})
        trader.trade(qty="0.1")
        alpaca.market(price="60000")
        trader.trade(qty="0.1")

        position = trader.position()

        assert position["qty"] == "0.1995"
        assert Decimal(position["cost_basis"]) == Decimal("0.1") * (50005 + 60005)
        assert Decimal(position["avg_entry_price"]) == pytest.approx(Decimal(11001) / Decimal("0.1995"))

    def test_a_sale_leaves_the_average(self, alpaca: AlpacaHouse) -> None:
        trader = alpaca.open({"USD": "100000"})
        trader.trade(qty="0.2")
        before = trader.position()
        alpaca.market(price="60000")

        trader.trade("sell", qty="0.1")

        after = trader.position()
        assert Decimal(after["avg_entry_price"]) == pytest.approx(Decimal(before["avg_entry_price"]))
        assert Decimal(after["unrealized_pl"]) > 0
        assert Decimal(after["market_value"]) == pytest.approx(Decimal("0.0995") * Decimal(after["current_price"]))

    def test_a_deposit_counts_at_the_present_price(self, alpaca_trader: AlpacaTrader) -> None:
        position = alpaca_trader.position()

        assert position["avg_entry_price"] == position["current_price"]
        assert position["unrealized_pl"] == "0"

    def test_one_a_coin_whatever_it_was_bought_with(self, alpaca: AlpacaHouse) -> None:
        trader = alpaca.open({"USD": "10000", "USDC": "10000"})

        trader.trade(qty="0.1")
        trader.trade(symbol="BTC/USDC", notional="1000")

        assert [position["symbol"] for position in trader.get("/v2/positions")] == ["BTCUSD", "USDCUSD"]
        assert Decimal(trader.position("USDCUSD")["qty"]) == pytest.approx(Decimal(9000), abs=Decimal("0.001"))

    def test_it_is_found_by_asset_id_too(self, alpaca_trader: AlpacaTrader) -> None:
        assert alpaca_trader.position("276e2673-764b-4ab6-a611-caf665ca6340") == alpaca_trader.position()

    def test_the_account_is_worth_cash_and_positions(self, alpaca_trader: AlpacaTrader) -> None:
        account, position = alpaca_trader.get("/v2/account"), alpaca_trader.position()

        assert Decimal(account["equity"]) == Decimal(account["cash"]) + Decimal(position["market_value"])
        assert account["long_market_value"] == position["market_value"]


def test_nothing_is_made_or_lost(alpaca: AlpacaHouse) -> None:
    alpaca.settings(partial_fill_probability=0.5, fill_delay_s=0.005)
    trader = alpaca.open({"USD": "10000", "BTC": "1", "USDC": "1000"})
    for number in range(30):
        symbol = ("BTC/USD", "ETH/USD", "BTC/USDC")[number % 3]
        trader.trade(symbol=symbol, notional=str(10 + number))
    trader.trade("sell", qty="0.3")

    books, balances = trader.books(), alpaca.get(f"/accounts/{trader.name}")["balances"]

    expected = {"USD": Decimal(10000), "BTC": Decimal(1), "USDC": Decimal(1000), "ETH": Decimal(0)}
    for trade in books["trades"]:
        base, quote = trade["symbol"].split("-")
        sign = 1 if trade["side"] == "buy" else -1
        expected[base] += sign * Decimal(trade["volume"])
        expected[quote] -= sign * Decimal(trade["cost"])
        expected[trade["fee_asset"]] -= Decimal(trade["fee"])
    assert {asset: Decimal(amount) for asset, amount in balances.items()} == expected
