"""What Alpaca refuses: status and body of every rejection, and that nothing was booked."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.paper_exchange.alpaca_client import AlpacaHouse, AlpacaTrader, recorded

pytest_plugins = ["tests.paper_exchange.alpaca_fixtures"]

ERRORS = recorded("errors")


def assert_refused(answer: requests.Response, status: int, body: dict[str, Any]) -> None:
    assert (answer.status_code, answer.json()) == (status, body)
    assert answer.headers["content-type"] == "application/json"


def assert_as_recorded(answer: requests.Response, name: str) -> None:
    assert_refused(answer, ERRORS[name]["status"], ERRORS[name]["body"])


class TestKeys:
    def test_a_key_and_its_secret_are_let_in(self, alpaca_trader: AlpacaTrader) -> None:
        assert alpaca_trader.call("GET", "/v2/account").status_code == 200

    @pytest.mark.parametrize(
        ("header", "value"),
        [("APCA-API-KEY-ID", "PKUNKNOWN"), ("APCA-API-SECRET-KEY", "wrong"), ("APCA-API-SECRET-KEY", "w\xe4")],
        ids=["unknown key", "wrong secret", "not ascii"],
    )
    def test_others_are_not(self, alpaca_trader: AlpacaTrader, header: str, value: str) -> None:
        alpaca_trader.session.headers[header] = value.encode("latin-1")

        assert_as_recorded(alpaca_trader.call("GET", "/v2/account"), "wrong_key")

    @pytest.mark.parametrize("header", ["APCA-API-KEY-ID", "APCA-API-SECRET-KEY"])
    def test_without_a_key_the_web_server_answers(self, alpaca_trader: AlpacaTrader, header: str) -> None:
        del alpaca_trader.session.headers[header]

        answer = alpaca_trader.call("GET", "/v2/account")

        assert (answer.status_code, answer.headers["content-type"]) == (401, "text/html")
        assert "<title>401 Authorization Required</title>" in answer.text
        assert "nginx" in answer.text

    def test_a_key_that_was_revoked(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.patch(f"/accounts/{alpaca_trader.name}", enabled=False)

        assert_as_recorded(alpaca_trader.submit(qty="1"), "wrong_key")

    def test_a_key_cannot_be_had_twice(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        wanted = {"name": "thief", "venue": "alpaca", "api_key": alpaca_trader.key}

        assert alpaca.refused("POST", "/accounts", wanted) == (
            400,
            f"this API key is in use by {alpaca_trader.name}",
        )

    def test_keys_and_assets_can_be_chosen(self, alpaca: AlpacaHouse) -> None:
        trader = alpaca.open({"DOGE": "5"}, api_key="PKMINE", api_secret="my own")

        assert (trader.key, trader.secret) == ("PKMINE", "my own")
        assert trader.position("DOGEUSD")["qty"] == "5"
        status, text = alpaca.refused("POST", "/accounts", {"name": "x", "venue": "alpaca", "balances": {"EUR": "1"}})
        assert (status, text.partition(";")[0]) == (400, "unknown assets at alpaca: EUR")


class TestEndpoints:
    @pytest.mark.parametrize(
        ("verb", "path"),
        [
            ("GET", "/v2/nothing"),
            ("GET", "/"),
            ("PUT", "/v2/orders"),
            ("GET", "/v2/orders/"),
            ("GET", "/v2/positions/BTC/USD"),
            ("GET", "/v2/assets/BTC/USD"),
            ("GET", "/0/public/Time"),
        ],
    )
    def test_others_do_not_exist(self, alpaca_trader: AlpacaTrader, verb: str, path: str) -> None:
        assert_refused(alpaca_trader.call(verb, path), 404, {"message": "endpoint not found."})

    @pytest.mark.parametrize(
        "query",
        [{"limit": "0"}, {"limit": "x"}, {"after": "yesterday"}, {"status": "half"}, {"direction": "up"}],
        ids=lambda query: next(iter(query)) + " " + next(iter(query.values())),
    )
    def test_a_query_that_cannot_be_read(self, alpaca_trader: AlpacaTrader, query: dict[str, str]) -> None:
        ((name, value),) = query.items()
        body = {"message": f"Invalid format for parameter {name}: {value}"}

        assert_refused(alpaca_trader.call("GET", "/v2/orders", **query), 400, body)

    def test_maintenance(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.settings(system_status="maintenance")

        assert alpaca_trader.call("GET", "/v2/account").status_code == 503
        assert alpaca_trader.submit(qty="0.1").status_code == 503
        alpaca.settings(system_status="cancel_only")
        assert alpaca_trader.call("GET", "/v2/account").status_code == 200
        assert alpaca_trader.submit(qty="0.1").status_code == 403


@pytest.fixture
def books_stay_empty(alpaca_trader: AlpacaTrader) -> Any:
    yield
    assert alpaca_trader.books() == {"orders": [], "trades": []}


@pytest.mark.usefixtures("books_stay_empty")
class TestOrders:
    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b'{"symbol": 7}', b'{"qty": NaN, "symbol": "BTC/USD"}'])
    def test_a_body_that_cannot_be_read(self, alpaca_trader: AlpacaTrader, body: bytes) -> None:
        answer = alpaca_trader.session.post(f"{alpaca_trader.alpaca.url}/v2/orders", data=body, timeout=30)

        assert answer.status_code in (400, 422)
        assert answer.json()["code"] in (40010000, 40010001)

    @pytest.mark.parametrize(
        ("changes", "status", "code", "message"),
        [
            ({"symbol": None}, 422, 40010001, "symbol is required"),
            ({"symbol": "BTC/EUR"}, 422, 42210000, 'asset "BTC/EUR" not found'),
            ({"symbol": "BTC-USD"}, 422, 42210000, 'asset "BTC-USD" not found'),
            ({"symbol": "ADA/USD"}, 422, 42210000, 'asset "ADA/USD" not found'),
            ({"side": "hold"}, 422, 40010001, "side must be buy or sell"),
            ({"type": "stop"}, 422, 40010001, "invalid order type for crypto order"),
            ({"order_class": "bracket"}, 422, 40010001, "invalid order type for crypto order"),
            ({"time_in_force": "day"}, 422, 40010001, "invalid crypto time_in_force"),
            ({"time_in_force": "fok"}, 422, 40010001, "invalid crypto time_in_force"),
            ({"time_in_force": None}, 422, 40010001, "invalid crypto time_in_force"),
            ({"qty": None}, 422, 40010001, "qty is required"),
            ({"notional": "20"}, 422, 40010001, "only one of qty or notional is accepted"),
            ({"qty": "0"}, 422, 40010001, "qty must be > 0"),
            ({"qty": "-1"}, 422, 40010001, "qty must be > 0"),
            ({"qty": "0.0012345678"}, 422, 42210000, "qty must be limited to 9 decimal places"),
            ({"qty": None, "notional": -5}, 422, 40010001, "notional must be > 0"),
            ({"limit_price": "1"}, 422, 40010001, "market orders must not have a limit price"),
            ({"type": "limit"}, 422, 40010001, "limit orders require a limit price"),
            ({"type": "limit", "limit_price": "1.001"}, 422, 42210000, "limit price must be a multiple of 0.01"),
            ({"client_order_id": "x" * 129}, 422, 40010001, "client_order_id must be no more than 128 characters"),
            ({"qty": "0.000011904"}, 403, 40310000, "order qty must be >= minimal qty of order 0.000011905"),
            ({"qty": "4.1"}, 403, 40310000, "cost basis must be <= maximal amount of order 200000"),
        ],
        ids=lambda value: (
            "-".join(f"{name}={text}"[:30] for name, text in value.items()) if isinstance(value, dict) else ""
        ),
    )
    def test_refusals(
        self, alpaca_trader: AlpacaTrader, changes: dict[str, Any], status: int, code: int, message: str
    ) -> None:
        alpaca_trader.alpaca.market(minimum_cost="0")

        answer = alpaca_trader.submit(**{"qty": "0.1", **changes})

        assert_refused(answer, status, {"code": code, "message": message})

    @pytest.mark.parametrize(
        ("name", "changes"),
        [
            ("day_order", {"time_in_force": "day"}),
            ("unknown_order_type", {"type": "trailing_stop"}),
            ("no_size", {"qty": None}),
            ("odd_cents", {"qty": None, "notional": 33.333333333333336}),
            ("inactive", {"symbol": "MKR/USD"}),
            ("below_ten_dollars", {"qty": None, "notional": "9.99"}),
            ("below_ten_dollars", {"qty": "0.000199"}),
            ("below_ten_dollars", {"qty": "0.1", "type": "limit", "limit_price": "99"}),
        ],
    )
    def test_recorded_refusals(self, alpaca_trader: AlpacaTrader, name: str, changes: dict[str, Any]) -> None:
        assert_as_recorded(alpaca_trader.submit(**{"qty": "0.1", **changes}), name)

    def test_too_few_dollars(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.patch(f"/accounts/{alpaca_trader.name}", balances={"USD": "87.845"})

        assert_as_recorded(alpaca_trader.submit(notional="1000"), "too_few_dollars")
        assert alpaca_trader.submit(qty="0.002").json()["message"] == (
            "insufficient balance for USD (requested: 100.01, available: 87.84)"
        )

    def test_too_few_coins(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.patch(f"/accounts/{alpaca_trader.name}", balances={"BTC": "0.1197"})

        assert_as_recorded(alpaca_trader.submit("sell", qty="0.12"), "too_few_coins")

    def test_too_few_of_another_quote(self, alpaca_trader: AlpacaTrader) -> None:
        answer = alpaca_trader.submit(symbol="BTC/USDC", notional="50")

        assert answer.status_code == 403
        assert answer.json() == {
            "available": "0",
            "balance": "0",
            "code": 40310000,
            "message": "insufficient balance for USDC (requested: 50, available: 0)",
            "symbol": "USDC",
        }


class TestMinimums:
    def test_ten_dollars_will_do(self, alpaca_trader: AlpacaTrader) -> None:
        assert alpaca_trader.trade(notional="10")["status"] == "filled"

    def test_a_sale_has_no_ten_dollars(self, alpaca_trader: AlpacaTrader) -> None:
        assert alpaca_trader.trade("sell", qty="0.00002")["status"] == "filled"

    def test_other_quotes_have_no_ten_dollars(self, alpaca: AlpacaHouse) -> None:
        trader = alpaca.open({"USDC": "100"})

        assert trader.trade(symbol="BTC/USDC", notional="5")["status"] == "filled"

    def test_the_ten_dollars_can_be_set(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.market(minimum_cost="1")

        assert alpaca_trader.trade(notional="1")["status"] == "filled"
        answer = alpaca_trader.submit(notional="0.99")
        assert answer.json()["message"] == "cost basis must be >= minimal amount of order 1"

    def test_an_asset_can_be_switched_off(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        alpaca.market(status="cancel_only")

        answer = alpaca_trader.submit(qty="0.1")

        assert_refused(answer, 422, {"code": 42210000, "message": "asset BTC/USD is not active"})
        assert alpaca_trader.get("/v2/assets/BTCUSD")["status"] == "inactive"
        assert alpaca_trader.get("/v2/assets/BTCUSD")["tradable"] is False


class TestNotFound:
    def test_orders(self, alpaca_trader: AlpacaTrader) -> None:
        unknown = "e6419d12-56e4-4d67-a61b-f6e464e1f8a8"
        body = {"code": 40410000, "message": f"order not found for {unknown}"}

        assert_refused(alpaca_trader.call("GET", f"/v2/orders/{unknown}"), 404, body)
        assert_refused(alpaca_trader.call("DELETE", f"/v2/orders/{unknown}"), 404, body)

    def test_client_order_ids(self, alpaca_trader: AlpacaTrader) -> None:
        answer = alpaca_trader.call("GET", "/v2/orders:by_client_order_id", client_order_id="nobody-knows-me")

        assert_as_recorded(answer, "unknown_client_order_id")

    def test_positions(self, alpaca: AlpacaHouse) -> None:
        assert_as_recorded(alpaca.open({}).call("GET", "/v2/positions/BTCUSD"), "no_position")

    def test_positions_have_no_slash(self, alpaca_trader: AlpacaTrader) -> None:
        assert alpaca_trader.call("GET", "/v2/positions/BTC%2FUSD").status_code == 404

    def test_assets(self, alpaca_trader: AlpacaTrader) -> None:
        answer = alpaca_trader.call("GET", "/v2/assets/ADA%2FUSD")

        assert_refused(answer, 404, {"code": 40410000, "message": "asset not found for ADA/USD"})

    def test_orders_of_others(self, alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
        mine = alpaca_trader.place(qty="0.1", client_order_id="mine")
        other = alpaca.open()

        assert other.call("GET", f"/v2/orders/{mine['id']}").status_code == 404
        assert other.call("GET", "/v2/orders:by_client_order_id", client_order_id="mine").status_code == 404
        assert other.submit(qty="0.1", client_order_id="mine").status_code == 200


class TestSymbols:
    @pytest.mark.parametrize("name", ["BTC/USD", "BTCUSD", "276e2673-764b-4ab6-a611-caf665ca6340"])
    def test_orders_take_every_spelling_and_answer_one(self, alpaca_trader: AlpacaTrader, name: str) -> None:
        assert alpaca_trader.place(symbol=name, qty="0.1")["symbol"] == "BTC/USD"

    @pytest.mark.parametrize("name", ["BTC%2FUSD", "BTCUSD", "276e2673-764b-4ab6-a611-caf665ca6340"])
    def test_assets_too(self, alpaca_trader: AlpacaTrader, name: str) -> None:
        assert alpaca_trader.get(f"/v2/assets/{name}")["symbol"] == "BTC/USD"

    def test_the_list(self, alpaca_trader: AlpacaTrader) -> None:
        symbols = {asset["symbol"] for asset in alpaca_trader.get("/v2/assets")}

        assert {"BTC/USD", "ETH/USD", "SOL/USD", "DOGE/USD", "BTC/USDC", "BTC/USDT"} <= symbols
        assert symbols.isdisjoint({"BTC/EUR", "ADA/USD", "XRP/USD"})
        inactive = {asset["symbol"] for asset in alpaca_trader.get("/v2/assets", status="inactive")}
        assert inactive == {"MKR/USD"}
        assert alpaca_trader.get("/v2/assets", asset_class="us_equity") == []
