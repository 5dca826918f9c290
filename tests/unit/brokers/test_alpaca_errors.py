"""What every answer and every broken connection says of the request that got it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.alpaca.errors import RULES, classify, is_minimum_not_met
from bot.brokers.failures import NotFound
from bot.domain.errors import (
    AccountBarred,
    MarketClosed,
    RateLimited,
    VenueError,
    VenueRejected,
    VenueUnclear,
)

NOW = 1_790_000_000.0


def verdict(status: int, body: Any, **headers: str) -> VenueError:
    text = body if isinstance(body, str) else json.dumps(body)
    return classify(status, text, headers, lambda: NOW)


def said(message: str, code: int | None = None) -> dict[str, Any]:
    return {"message": message} if code is None else {"code": code, "message": message}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, said("unauthorized."), AccountBarred),
        (401, "<html>401 Authorization Required</html>", AccountBarred),
        (401, "", AccountBarred),
        (403, said("cost basis must be >= minimal amount of order 10", 40310000), VenueRejected),
        (403, said("insufficient balance for USD (requested: 1000, available: 87.84)", 40310000), VenueRejected),
        (403, said("insufficient balance for BTC (requested: 0.12, available: 0.1197)", 40310000), VenueRejected),
        (403, said("potential wash trade detected. use complex orders", 40310000), VenueRejected),
        (403, said("forbidden.", 40310000), VenueRejected),
        (403, said("forbidden."), AccountBarred),
        (403, said("request is not authorized", 40110000), AccountBarred),
        (403, said("new orders are rejected by user request", 40310000), AccountBarred),
        (403, said("crypto orders not allowed for account: 1", 40310000), AccountBarred),
        (403, said("something new", 40319999), VenueRejected),
        (403, "<html>blocked</html>", VenueUnclear),
        (403, "", VenueUnclear),
        (404, said("order not found for a1", 40410000), NotFound),
        (404, said("endpoint not found."), VenueUnclear),
        (404, said("something else", 40419999), VenueUnclear),
        (404, "<html>nothing here</html>", VenueUnclear),
        (422, said("client_order_id must be unique", 40010001), VenueUnclear),
        (400, said("client_order_id must be unique", 40010001), VenueUnclear),
        (409, said("Client_Order_Id must be unique"), VenueUnclear),
        (422, said("invalid crypto time_in_force", 40010001), VenueRejected),
        (422, said("qty is required", 40010001), VenueRejected),
        (422, said("notional value must be limited to 2 decimal places", 42210000), VenueRejected),
        (422, said("asset MKR/USD is not active", 42210000), MarketClosed),
        (422, said("asset MKR/USD is not tradable", 42210000), MarketClosed),
        (422, "unprocessable", VenueUnclear),
        (400, said("invalid symbol: BTCUSD does not match ^[A-Z]+/[A-Z]+$"), VenueRejected),
        (400, "bad request", VenueUnclear),
        (429, said("rate limit exceeded", 42910000), RateLimited),
        (429, "", RateLimited),
        (405, said("method not allowed"), VenueUnclear),
        (500, said("internal server error occurred", 50010000), VenueUnclear),
        (502, "<html>bad gateway</html>", VenueUnclear),
        (503, "", VenueUnclear),
        (504, "", VenueUnclear),
        (520, "", VenueUnclear),
        (301, "", VenueUnclear),
        (202 + 100, "{}", VenueUnclear),
    ],
)
def test_every_answer_has_its_meaning(status: int, body: Any, kind: type[VenueError]) -> None:
    assert type(verdict(status, body)) is kind


def test_every_row_of_the_table_is_reached() -> None:
    for rule in RULES:
        error = verdict(rule.status or 422, said(rule.text or "whatever", rule.code))
        kinds = {
            "REFUSED": VenueRejected,
            "LIMITED": RateLimited,
            "CLOSED": MarketClosed,
            "BARRED": AccountBarred,
            "NOT_FOUND": NotFound,
            "UNCLEAR": VenueUnclear,
        }
        assert type(error) is kinds[rule.verdict.name], rule


def test_a_refusal_is_told_in_the_venues_words() -> None:
    error = verdict(403, said("insufficient balance for USD (requested: 1000, available: 87.84)", 40310000))
    assert str(error) == "insufficient balance for USD (requested: 1000, available: 87.84)"


def test_a_refused_key_says_what_to_look_at() -> None:
    text = str(verdict(401, said("unauthorized.")))
    assert "unauthorized" in text
    assert "paper or live" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        (str(int(NOW) + 37), 37),
        (str(int(NOW) - 5), 1),
        (str(int(NOW) + 4000), 60),
        ("soon", 15),
        ("nan", 15),
        ("", 15),
        (None, 15),
    ],
)
def test_a_wait_ends_with_the_venues_minute(reset: str | None, seconds: float) -> None:
    headers = {} if reset is None else {"X-Ratelimit-Reset": reset}
    error = verdict(429, said("rate limit exceeded", 42910000), **headers)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == seconds


@given(
    status=st.integers(300, 599), body=st.text(max_size=400) | st.builds(lambda text: json.dumps(said(text)), st.text())
)
def test_no_answer_breaks_the_table_and_none_is_taken_for_a_success(status: int, body: str) -> None:
    error = verdict(status, body)
    assert isinstance(error, VenueRejected | VenueUnclear)
    assert len(error.code) <= 400
    assert not isinstance(error, VenueRejected) or status in (400, 401, 403, 404, 422, 429)


@pytest.mark.parametrize("code", ["7", 40410000.5, True, None, [40410000]])
def test_a_code_that_is_none_does_not_count(code: Any) -> None:
    assert type(verdict(404, {"code": code, "message": "order not found for a1"})) is VenueUnclear


def test_minimums_are_known_in_their_spellings() -> None:
    assert is_minimum_not_met("cost basis must be >= minimal amount of order 10")
    assert is_minimum_not_met("order qty must be >= minimal qty of order 0.02")
    assert not is_minimum_not_met("insufficient balance for USD")
