"""What refusals, statuses and broken connections of Coinbase mean for an order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.coinbase.errors import (
    REASONS,
    TokenRefused,
    is_about_the_instrument,
    rejection_of,
    status_error,
)
from bot.brokers.failures import NotFound
from bot.domain.errors import (
    AccountBarred,
    MarketClosed,
    RateLimited,
    VenueError,
    VenueRejected,
    VenueUnclear,
)
from tests.unit.brokers.coinbase_data import own, recorded


def refused(**fields: Any) -> dict[str, Any]:
    return {"success": False, "error_response": fields}


PASSING = {
    "ORDER_ENTRY_DISABLED",
    "INVALID_NO_LIQUIDITY",
    "COMMANDER_REJECTED_NEW_ORDER",
    "TRADING_DISABLED",
    "PRODUCT_TRADING_HALTED",
    "PREVIEW_NOT_ALLOWED_BY_MARKET_STATE",
    "PREVIEW_TRADING_DISABLED",
}


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_has_its_meaning(reason: str) -> None:
    error = rejection_of(refused(new_order_failure_reason=reason))
    if reason == "DUPLICATE_CLIENT_ORDER_ID":
        assert type(error) is VenueUnclear
    else:
        assert type(error) is (MarketClosed if reason in PASSING else VenueRejected)
    assert str(error) == reason


@pytest.mark.parametrize("field", ["new_order_failure_reason", "error", "preview_failure_reason"])
def test_a_reason_counts_whichever_field_it_stands_in(field: str) -> None:
    fields = {"new_order_failure_reason": "UNKNOWN_FAILURE_REASON", "error": "", "preview_failure_reason": None}
    error = rejection_of(refused(**{**fields, field: "INSUFFICIENT_FUND"}, message="Insufficient balance"))
    assert type(error) is VenueRejected
    assert str(error) == "INSUFFICIENT_FUND: Insufficient balance"


def test_a_preview_that_refused_is_named_where_the_order_itself_gives_no_reason() -> None:
    error = rejection_of(own("refused_by_preview"))
    assert type(error) is VenueRejected
    assert str(error) == "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"


def test_a_reason_that_is_new_is_a_refusal() -> None:
    error = rejection_of(refused(new_order_failure_reason="MOON_IN_WRONG_PHASE", error_details="come again"))
    assert type(error) is VenueRejected
    assert str(error) == "MOON_IN_WRONG_PHASE: come again"


@pytest.mark.parametrize(
    "answer",
    [
        {"success": False},
        {"success": False, "error_response": None},
        {"success": False, "error_response": "no"},
        refused(),
        refused(error="UNKNOWN_FAILURE_REASON", preview_failure_reason="UNKNOWN_PREVIEW_FAILURE_REASON"),
        refused(error=7, message="something"),
    ],
    ids=["nothing", "null", "text", "empty", "unknown", "number"],
)
def test_a_refusal_without_a_reason_is_asked_about(answer: dict[str, Any]) -> None:
    assert type(rejection_of(answer)) is VenueUnclear


def test_a_refusal_of_today_is_told_with_the_venues_words() -> None:
    assert str(rejection_of(own("refused"))) == "INSUFFICIENT_FUND: Insufficient balance in source account"


def test_a_refusal_of_former_years_is_told_the_same() -> None:
    answer = recorded("create_order_insufficient_fund.json")
    assert str(rejection_of(answer)) == "INSUFFICIENT_FUND: Insufficient balance in source account"


@given(st.dictionaries(st.text(max_size=5) | st.just("error"), st.text(max_size=400) | st.none() | st.integers()))
def test_no_answer_breaks_the_table_and_none_is_taken_for_a_success(fields: dict[str, Any]) -> None:
    error = rejection_of(refused(**fields))
    assert isinstance(error, VenueRejected | VenueUnclear)
    assert len(str(error)) <= 250
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("reason", "about"),
    [
        ("PREVIEW_INVALID_BASE_SIZE_TOO_SMALL", True),
        ("PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL", True),
        ("INVALID_SIZE_PRECISION", True),
        ("TRADING_DISABLED", True),
        ("INVALID_PRODUCT_ID", True),
        ("INSUFFICIENT_FUND", False),
        ("INVALID_SIDE", False),
    ],
)
def test_reasons_that_contradict_what_is_known_of_the_instrument_are_known(reason: str, about: bool) -> None:
    error = rejection_of(refused(new_order_failure_reason=reason))
    assert isinstance(error, VenueRejected)
    assert is_about_the_instrument(error) is about


JSON: dict[str, Any] = {"error": "INVALID_ARGUMENT", "error_details": "account is not available", "message": ""}


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (400, JSON, VenueRejected),
        (400, None, VenueRejected),
        (401, None, TokenRefused),
        (403, own("missing_scopes"), AccountBarred),
        (403, {"error": "PERMISSION_DENIED", "message": "no"}, AccountBarred),
        (403, {"error": "GEO", "message": "not in your country"}, VenueRejected),
        (403, None, VenueUnclear),
        (404, {"error": "NOT_FOUND", "message": "order not found"}, NotFound),
        (404, None, NotFound),
        (405, None, VenueRejected),
        (422, None, VenueRejected),
        (429, {"errors": [{"id": "rate_limit_exceeded"}]}, RateLimited),
        (429, None, RateLimited),
        *((status, None, VenueUnclear) for status in (301, 307, 408, 409, 499, 500, 502, 503, 504, 520, 521, 524)),
        (500, {"error": "INTERNAL", "message": ""}, VenueUnclear),
        (503, {"error": "INVALID_ARGUMENT"}, VenueUnclear),
        (502, {"success": False, "error_response": {"error": "INSUFFICIENT_FUND"}}, VenueUnclear),
    ],
)
def test_every_http_status_has_its_meaning(status: int, answer: Any, kind: type[VenueError]) -> None:
    error = status_error(status, answer)
    assert type(error) is kind
    assert str(status) in str(error)


def test_the_venues_own_words_are_told_once() -> None:
    assert str(status_error(400, JSON)) == "HTTP 400 INVALID_ARGUMENT account is not available"
    assert str(status_error(403, own("missing_scopes"))).startswith(
        "HTTP 403 PERMISSION_DENIED Missing required scopes"
    )


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, 10), ("7", 7), ("0", 1), ("1e9", 300), ("Mon, 21 Sep 2026 14:13:20 GMT", 10)]
)
def test_a_rate_limit_waits_as_long_as_the_venue_asks(header: str | None, seconds: float) -> None:
    error = status_error(429, None, header)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == seconds
