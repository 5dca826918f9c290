"""Two hundred calls in a minute, counted per account."""

from __future__ import annotations

import time

from tests.paper_exchange.alpaca_client import AlpacaHouse, AlpacaTrader, recorded

pytest_plugins = ["tests.paper_exchange.alpaca_fixtures"]


def use_up(trader: AlpacaTrader, calls: int = 200) -> None:
    for _ in range(calls):
        assert trader.call("GET", "/v2/clock").status_code == 200


def test_the_next_call_is_refused(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
    alpaca.settings(rate_limits=True)
    use_up(alpaca_trader)

    refused = alpaca_trader.submit(qty="0.1")

    sample = recorded("errors")["too_many_calls"]
    assert (refused.status_code, refused.json()) == (sample["status"], sample["body"])
    assert refused.headers["X-Ratelimit-Limit"] == "200"
    assert refused.headers["X-Ratelimit-Remaining"] == "0"
    assert alpaca_trader.books()["orders"] == []
    assert alpaca.get(f"/accounts/{alpaca_trader.name}")["calls"] == 200


def test_others_go_on(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
    alpaca.settings(rate_limits=True)
    use_up(alpaca_trader, 200)

    assert alpaca_trader.call("GET", "/v2/clock").status_code == 429
    assert alpaca.open().call("GET", "/v2/clock").status_code == 200
    assert alpaca.data("latest/quotes", symbols="BTC/USD").status_code == 200


def test_after_the_reset_it_goes_on(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
    alpaca.settings(rate_limits=True)
    use_up(alpaca_trader)
    reset = int(alpaca_trader.call("GET", "/v2/clock").headers["X-Ratelimit-Reset"])
    assert 0 < reset - time.time() <= 61

    alpaca.patch("/settings", clock_offset_s=reset - time.time() + 0.1)

    answer = alpaca_trader.call("GET", "/v2/clock")
    assert (answer.status_code, answer.headers["X-Ratelimit-Remaining"]) == (200, "199")


def test_every_answer_says_what_is_left(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
    alpaca.settings(rate_limits=True)

    left = [
        answer.headers["X-Ratelimit-Remaining"]
        for answer in (
            alpaca_trader.call("GET", "/v2/account"),
            alpaca_trader.submit(notional="1"),
            alpaca_trader.call("GET", "/v2/orders/x"),
        )
    ]

    assert left == ["199", "198", "197"]


def test_a_wrong_secret_does_not_use_up_calls(alpaca: AlpacaHouse, alpaca_trader: AlpacaTrader) -> None:
    alpaca.settings(rate_limits=True)
    right = alpaca_trader.session.headers["APCA-API-SECRET-KEY"]
    alpaca_trader.session.headers["APCA-API-SECRET-KEY"] = "wrong"
    answer = alpaca_trader.call("GET", "/v2/clock")
    assert (answer.status_code, "X-Ratelimit-Remaining" in answer.headers) == (401, False)

    alpaca_trader.session.headers["APCA-API-SECRET-KEY"] = right

    assert alpaca_trader.call("GET", "/v2/clock").headers["X-Ratelimit-Remaining"] == "199"


def test_they_can_be_switched_off(alpaca_trader: AlpacaTrader) -> None:
    use_up(alpaca_trader, 210)

    assert "X-Ratelimit-Remaining" not in alpaca_trader.call("GET", "/v2/clock").headers


def test_market_data_are_limited_by_address(alpaca: AlpacaHouse) -> None:
    alpaca.settings(public_rate_per_s=2)

    answers = [alpaca.data("latest/quotes", symbols="BTC/USD").status_code for _ in range(12)]

    assert answers[:2] == [200, 200]
    assert 429 in answers
