"""Every check of a private call, its exact error string, and which one comes first."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime

import pytest
import requests

from paper_exchange.kraken.keys import signature
from tests.paper_exchange.client import Paper, Trader

VECTOR_SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
VECTOR_BODY = b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
VECTOR_SIGN = "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
MARKET = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.001"}
LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.001", "price": "40000"}
UUID = "6d1b345e-2821-40e2-ad83-4ecb18a06876"


def rfc3339(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat().replace("+00:00", "Z")


class TestSignature:
    def test_the_documented_example_comes_out(self) -> None:
        made = signature(base64.b64decode(VECTOR_SECRET), "/0/private/AddOrder", "1616492376594", VECTOR_BODY)

        assert made == VECTOR_SIGN

    def test_the_documented_example_is_accepted_over_http(self, paper: Paper) -> None:
        trader = paper.open(api_secret=VECTOR_SECRET)
        headers = {
            "API-Key": trader.key,
            "API-Sign": VECTOR_SIGN,
            "Content-Type": "application/x-www-form-urlencoded",
        }

        url = f"{paper.kraken_url}/0/private/AddOrder"
        answer = requests.post(url, data=VECTOR_BODY, headers=headers, timeout=30).json()

        assert answer["result"]["descr"]["order"] == "buy 1.25000000 XBTUSD @ limit 37500.0"

    def test_a_key_that_nobody_has(self, trader: Trader) -> None:
        trader.key = "A" * 56
        assert trader.error("Balance") == "EAPI:Invalid key"

    def test_no_key_at_all(self, paper: Paper) -> None:
        answer = requests.post(f"{paper.kraken_url}/0/private/Balance", data={"nonce": "1"}, timeout=30)

        assert (answer.status_code, answer.json()) == (200, {"error": ["EAPI:Invalid key"]})

    def test_a_wrong_secret(self, trader: Trader) -> None:
        trader.secret = VECTOR_SECRET
        assert trader.error("Balance") == "EAPI:Invalid signature"

    def test_a_body_that_was_changed_after_signing(self, trader: Trader) -> None:
        prepared = trader.prepare("AddOrder", MARKET)
        assert isinstance(prepared.body, bytes)
        prepared.body = prepared.body.replace(b"0.001", b"0.002")

        assert trader.send(prepared).json() == {"error": ["EAPI:Invalid signature"]}

    def test_a_revoked_key(self, paper: Paper, trader: Trader) -> None:
        paper.patch(f"/accounts/{trader.name}", enabled=False)
        assert trader.error("Balance") == "EAPI:Invalid key"

    def test_json_bodies_are_signed_and_read_the_same_way(self, trader: Trader) -> None:
        answer = trader.call("AddOrder", as_json=True, **MARKET)

        assert answer["result"]["descr"]["order"] == "buy 0.00100000 XBTUSD @ market"


class TestNonce:
    def test_it_must_rise(self, trader: Trader) -> None:
        trader.result("Balance")
        assert trader.error("Balance", nonce="5") == "EAPI:Invalid nonce"

    def test_the_same_bytes_run_once(self, trader: Trader) -> None:
        prepared = trader.prepare("AddOrder", MARKET)

        first, second = trader.send(prepared).json(), trader.send(prepared).json()

        assert first["error"] == []
        assert second == {"error": ["EAPI:Invalid nonce"]}
        assert len(trader.books()["orders"]) == 1

    def test_a_missing_nonce(self, trader: Trader) -> None:
        assert trader.error("Balance", nonce="") == "EAPI:Invalid nonce"

    def test_a_refused_call_uses_its_nonce_up(self, trader: Trader) -> None:
        prepared = trader.prepare("AddOrder", MARKET | {"pair": "NOSUCH"})

        assert trader.send(prepared).json() == {"error": ["EQuery:Unknown asset pair"]}
        assert trader.send(prepared).json() == {"error": ["EAPI:Invalid nonce"]}

    def test_a_window_lets_older_ones_in(self, paper: Paper) -> None:
        trader = paper.open(nonce_window=10)
        trader.result("Balance", nonce="100")

        assert trader.call("Balance", nonce="95")["error"] == []
        assert trader.error("Balance", nonce="90") == "EAPI:Invalid nonce"

    def test_each_key_counts_for_itself(self, paper: Paper, trader: Trader) -> None:
        trader.result("Balance")
        assert paper.open().call("Balance", nonce="1")["error"] == []


class TestOrderOfChecks:
    """Each call has everything wrong from its place on; mending one fault brings up the next."""

    def test_key_signature_nonce_counter_permission_arguments(self, paper: Paper) -> None:
        trader = paper.open(permissions=["query-funds"])
        key, secret = trader.key, trader.secret
        trader.result("Balance")
        bad = {"nonce": "1", "volume": "1E-5"}
        trader.key, trader.secret = "B" * 56, VECTOR_SECRET

        assert trader.error("OpenOrders", **bad) == "EAPI:Invalid key"
        trader.key = key
        assert trader.error("OpenOrders", **bad) == "EAPI:Invalid signature"
        trader.secret = secret
        assert trader.error("OpenOrders", **bad) == "EAPI:Invalid nonce"
        paper.patch("/settings", rate_limits=True)
        while trader.call("Balance")["error"] == []:
            pass
        assert trader.error("OpenOrders", userref="x") == "EAPI:Rate limit exceeded"
        paper.patch("/settings", rate_limits=False)
        assert trader.error("OpenOrders", userref="x") == "EGeneral:Permission denied"
        paper.patch(f"/accounts/{trader.name}", permissions=["query-funds", "query-open-trades"])
        assert trader.error("OpenOrders", userref="x") == "EGeneral:Invalid arguments:userref"

    def test_arguments_pair_status_volume_client_id_funds(self, paper: Paper) -> None:
        trader = paper.open({"USD": "1000"})
        trader.limit("buy", "0.001", "40000", cl_ord_id="taken")
        paper.patch("/market/BTC-USD", status="cancel_only")
        order = {"type": "buy", "ordertype": "market", "cl_ord_id": "taken", "volume": "1E-5", "pair": "XBT/USD"}

        assert trader.error("AddOrder", **order) == "EGeneral:Invalid arguments:volume"
        order["volume"] = "0.00001"
        assert trader.error("AddOrder", **order) == "EQuery:Unknown asset pair"
        order["pair"] = "XBTUSD"
        assert trader.error("AddOrder", **order) == "EService:Market in cancel_only mode"
        paper.patch("/market/BTC-USD", status="online")
        assert trader.error("AddOrder", **order) == "EGeneral:Invalid arguments:volume minimum not met"
        order["volume"] = "1"
        assert trader.error("AddOrder", **order) == "EGeneral:Invalid arguments:cl_ord_id not unique"
        order["cl_ord_id"] = "free"
        assert trader.error("AddOrder", **order) == "EOrder:Insufficient funds"

    @pytest.mark.parametrize(
        ("method", "permissions"),
        [
            ("Balance", ["query-ledger"]),
            ("TradeBalance", ["query-funds"]),
            ("OpenOrders", ["query-closed-trades"]),
            ("ClosedOrders", ["query-open-trades"]),
            ("QueryOrders", ["query-funds"]),
            ("TradesHistory", ["query-open-trades"]),
            ("Ledgers", ["query-funds"]),
            ("AddOrder", ["close-trades"]),
            ("CancelOrder", ["query-funds"]),
            ("GetWebSocketsToken", ["query-funds"]),
        ],
    )
    def test_a_key_without_the_permission(self, paper: Paper, method: str, permissions: list[str]) -> None:
        assert paper.open(permissions=permissions).error(method) == "EGeneral:Permission denied"

    def test_close_trades_is_enough_to_cancel(self, paper: Paper, trader: Trader) -> None:
        order_id = trader.limit("buy", "0.001", "40000")
        paper.patch(f"/accounts/{trader.name}", permissions=["close-trades"])

        assert trader.result("CancelOrder", txid=order_id) == {"count": 1}

    def test_the_key_info_needs_no_permission(self, paper: Paper) -> None:
        assert paper.open(permissions=[]).result("GetApiKeyInfo")["permissions"] == []


class TestArguments:
    @pytest.mark.parametrize(
        ("change", "detail"),
        [
            ({"ordertype": "banana"}, "ordertype"),
            ({"ordertype": ""}, "ordertype"),
            ({"type": "hold"}, "type"),
            ({"volume": ""}, "volume"),
            ({"volume": "0"}, "volume"),
            ({"volume": "-1"}, "volume"),
            ({"volume": "NaN"}, "volume"),
            ({"volume": "1E-5"}, "volume"),
            ({"volume": "0.123456789"}, "volume"),
            ({"volume": "0.00004"}, "volume minimum not met"),
            ({"pair": ""}, "pair"),
            ({"price": ""}, "price"),
            ({"price": "1e5"}, "price"),
            ({"userref": "x"}, "userref"),
            ({"userref": "2147483648"}, "userref"),
            ({"userref": "7", "cl_ord_id": "seven"}, "userref"),
            ({"cl_ord_id": "x" * 19}, "cl_ord_id"),
            ({"cl_ord_id": UUID + "0"}, "cl_ord_id"),
            ({"timeinforce": "DAY"}, "timeinforce"),
            ({"oflags": "nosuch"}, "oflags"),
            ({"oflags": "viqc"}, "viqc"),
            ({"deadline": "tomorrow"}, "deadline"),
            ({"expiretm": "1000"}, "expiretm"),
        ],
    )
    def test_what_cannot_be_read_is_named(self, trader: Trader, change: dict[str, str], detail: str) -> None:
        assert trader.error("AddOrder", **(LIMIT | change)) == f"EGeneral:Invalid arguments:{detail}"

    @pytest.mark.parametrize("name", [UUID, UUID.replace("-", ""), "a", "x" * 18])
    def test_client_ids_in_all_three_forms(self, trader: Trader, name: str) -> None:
        assert trader.order(trader.limit("buy", "0.001", "40000", cl_ord_id=name))["cl_ord_id"] == name

    def test_a_price_with_too_many_decimals(self, trader: Trader) -> None:
        text = "EOrder:Invalid price:XXBTZUSD price can only be specified up to 1 decimals."
        assert trader.error("AddOrder", **(LIMIT | {"price": "40000.05"})) == text

    def test_a_cost_below_the_minimum(self, trader: Trader) -> None:
        order = LIMIT | {"price": "4000", "volume": "0.0001"}
        assert trader.error("AddOrder", **order) == "EOrder:Cost minimum not met"

    def test_a_minimum_that_was_raised(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/market/BTC-USD", minimum_size="0.01")

        assert paper.public("AssetPairs", pair="XBTUSD")["result"]["XXBTZUSD"]["ordermin"] == "0.01"
        assert trader.error("AddOrder", **MARKET) == "EGeneral:Invalid arguments:volume minimum not met"

    def test_unknown_parameters_are_ignored_so_a_misspelt_validate_trades(self, trader: Trader) -> None:
        assert "txid" in trader.result("AddOrder", **MARKET, valdate="true")

    def test_validate_places_nothing(self, trader: Trader) -> None:
        result = trader.result("AddOrder", **MARKET, validate="true")

        assert result == {"descr": {"order": "buy 0.00100000 XBTUSD @ market"}}
        assert trader.books()["orders"] == []

    @pytest.mark.parametrize("pair", ["XXBTZUSD", "XBTUSD", "BTC/USD"])
    def test_a_pair_under_its_three_names(self, trader: Trader, pair: str) -> None:
        assert trader.order(trader.market("buy", "0.001", pair))["descr"]["pair"] == "XBTUSD"

    def test_the_pair_that_is_closed(self, paper: Paper) -> None:
        order = MARKET | {"pair": "ACAEUR", "volume": "20000"}
        assert paper.open({"EUR": "5000"}).error("AddOrder", **order) == "EService:Market in cancel_only mode"

    @pytest.mark.parametrize(
        "change", [{"leverage": "2"}, {"ordertype": "trailing-stop"}, {"starttm": "+10"}, {"close[ordertype]": "limit"}]
    )
    def test_what_is_not_simulated_is_refused(self, trader: Trader, change: dict[str, str]) -> None:
        assert trader.error("AddOrder", **(LIMIT | change)) == "EAPI:Feature disabled"


class TestStatus:
    @pytest.mark.parametrize(
        ("status", "text"),
        [
            ("maintenance", "EService:Unavailable"),
            ("cancel_only", "EService:Market in cancel_only mode"),
            ("post_only", "EService:Market in post_only mode"),
        ],
    )
    def test_the_system(self, paper: Paper, trader: Trader, status: str, text: str) -> None:
        paper.patch("/settings", system_status=status)

        assert paper.public("SystemStatus")["result"]["status"] == status
        assert trader.error("AddOrder", **MARKET) == text
        assert trader.call("Balance")["error"] == []

    def test_one_market(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/market/BTC-USD", status="limit_only")

        assert trader.error("AddOrder", **MARKET) == "EService:Market in limit_only mode"
        assert trader.call("AddOrder", **LIMIT)["error"] == []

    def test_post_only_lets_resting_orders_in(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/market/BTC-USD", status="post_only")

        assert trader.call("AddOrder", **LIMIT, oflags="post")["error"] == []


class TestDeadline:
    def test_in_time(self, trader: Trader) -> None:
        assert "txid" in trader.result("AddOrder", **MARKET, deadline=rfc3339(time.time() + 10))

    def test_passed(self, trader: Trader) -> None:
        late = rfc3339(time.time() - 1)

        assert trader.error("AddOrder", **MARKET, deadline=late) == "EService:Deadline elapsed"
        assert trader.books()["orders"] == []

    def test_passed_while_the_request_waited(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/settings", latency_ms=300)
        soon = rfc3339(time.time() + 0.2)

        assert trader.error("AddOrder", **MARKET, deadline=soon) == "EService:Deadline elapsed"

    def test_too_far_away(self, trader: Trader) -> None:
        far = rfc3339(time.time() + 90)
        assert trader.error("AddOrder", **MARKET, deadline=far) == "EGeneral:Invalid arguments:deadline"

    def test_nanoseconds(self, trader: Trader) -> None:
        stamp = rfc3339(time.time() + 10)[:19] + ".123456789Z"
        assert "txid" in trader.result("AddOrder", **MARKET, deadline=stamp)

    def test_it_is_judged_by_the_clock_of_the_exchange(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/settings", clock_offset_s=30)
        soon = rfc3339(time.time() + 10)

        assert trader.error("AddOrder", **MARKET, deadline=soon) == "EService:Deadline elapsed"
        assert paper.public("Time")["result"]["unixtime"] - time.time() == pytest.approx(30, abs=2)

    def test_it_can_be_switched_off(self, paper: Paper, trader: Trader) -> None:
        paper.patch("/settings", deadline_enforced=False)
        assert "txid" in trader.result("AddOrder", **MARKET, deadline=rfc3339(time.time() - 1))


class TestClientOrderId:
    def test_it_is_unique_among_open_orders(self, trader: Trader) -> None:
        trader.limit("buy", "0.001", "40000", cl_ord_id="mine")

        again = trader.error("AddOrder", **MARKET, cl_ord_id="mine")

        assert again == "EGeneral:Invalid arguments:cl_ord_id not unique"

    def test_it_is_free_again_after_a_fill_and_buys_twice(self, trader: Trader) -> None:
        first = trader.market("buy", "0.001", cl_ord_id=UUID)
        second = trader.market("buy", "0.001", cl_ord_id=UUID)

        closed = trader.result("ClosedOrders", cl_ord_id=UUID)

        assert set(closed["closed"]) == {first, second}
        assert closed["count"] == 2
        assert sum(float(trade["volume"]) for trade in trader.books()["trades"]) == 0.002

    def test_it_is_free_again_after_a_cancel(self, trader: Trader) -> None:
        trader.limit("buy", "0.001", "40000", cl_ord_id="mine")
        trader.result("CancelOrder", cl_ord_id="mine")

        assert trader.limit("buy", "0.001", "40000", cl_ord_id="mine")

    def test_two_accounts_may_use_the_same(self, paper: Paper, trader: Trader) -> None:
        trader.limit("buy", "0.001", "40000", cl_ord_id="mine")
        assert paper.open().limit("buy", "0.001", "40000", cl_ord_id="mine")


class TestUnknownMethods:
    @pytest.mark.parametrize("path", ["/0/private/GetAPIKeyInfo", "/0/public/Nothing", "/", "/1/public/Time"])
    def test_they_are_404(self, paper: Paper, path: str) -> None:
        answer = requests.post(paper.kraken_url + path, timeout=30)
        assert (answer.status_code, answer.json()) == (404, {"error": ["EGeneral:Unknown method"]})

    def test_public_methods_take_get_only(self, paper: Paper) -> None:
        assert requests.post(f"{paper.kraken_url}/0/public/Time", timeout=30).status_code == 404
