from __future__ import annotations

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.kraken.errors import (
    NonceRefused,
    classify,
    is_duplicate_client_id,
    is_insufficient_funds,
    is_minimum_not_met,
    translate,
    worst_of,
)
from bot.domain.errors import (
    AccountBarred,
    MarketClosed,
    RateLimited,
    VenueError,
    VenueRejected,
    VenueUnclear,
    VenueUnreachable,
)

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("EAPI:Invalid key", AccountBarred),
        ("EAPI:Invalid signature", AccountBarred),
        ("EGeneral:Permission denied", AccountBarred),
        ("EAuth:Account temporary disabled", AccountBarred),
        ("EAuth:Account unconfirmed", AccountBarred),
        ("EAccount:Invalid permissions", AccountBarred),
        ("EAccount:Invalid permissions:XYZ trading restricted for US", VenueRejected),
        ("EAPI:Invalid nonce", NonceRefused),
        ("EAPI:Rate limit exceeded", RateLimited),
        ("EGeneral:Temporary lockout", RateLimited),
        ("EGeneral:Too many requests", RateLimited),
        ("EOrder:Rate limit exceeded", RateLimited),
        ("EOrder:Domain rate limit exceeded", RateLimited),
        ("EAuth:Rate limit exceeded", RateLimited),
        ("EAuth:Too many requests", RateLimited),
        ("EService:Market in cancel_only mode", MarketClosed),
        ("EService:Market in post_only mode", MarketClosed),
        ("EService:Market in limit_only mode", MarketClosed),
        ("EAPI:Feature disabled", VenueRejected),
        ("EAPI:Bad request", VenueRejected),
        ("EGeneral:Unknown method", VenueRejected),
        ("EGeneral:Invalid arguments", VenueRejected),
        ("EGeneral:Invalid arguments:volume minimum not met", VenueRejected),
        ("EGeneral:Invalid arguments:cl_ord_id not unique", VenueRejected),
        ("EQuery:Unknown asset pair", VenueRejected),
        ("EOrder:Insufficient funds", VenueRejected),
        ("EOrder:Order minimum not met", VenueRejected),
        ("EOrder:Invalid price:XXBTZEUR price can only be specified up to 1 decimals.", VenueRejected),
        ("EOrder:Orders limit exceeded", VenueRejected),
        ("EOrder:Unknown order", VenueRejected),
        ("EOrder:Something new", VenueRejected),
        ("EFunding:Unknown withdraw key", VenueRejected),
        ("ETrade:Invalid request", VenueRejected),
        ("EBM:limit exceeded:CAL", VenueRejected),
        ("EGeneral:Internal error", VenueUnclear),
        ("EGeneral:Internal error:EOF", VenueUnclear),
        ("EService:Unavailable", VenueUnclear),
        ("EService:Busy", VenueUnclear),
        ("EService:Timeout", VenueUnclear),
        ("EService:Deadline elapsed", VenueUnclear),
        ("EService:Something new", VenueUnclear),
        ("EGeneral:Something new", VenueUnclear),
        ("ENew:Category", VenueUnclear),
        ("", VenueUnclear),
    ],
)
def test_every_string_has_its_meaning(code: str, kind: type[VenueError]) -> None:
    error = classify(code)
    assert type(error) is kind
    assert str(error) == code


@pytest.mark.parametrize(
    ("code", "seconds"),
    [
        ("EGeneral:Temporary lockout", 900),
        ("EService: Throttled: 1790000012", 12),
        ("EService:Throttled:1790000012", 12),
        ("EService: Throttled: 1789999999", 1),
        ("EService: Throttled: 1999999999", 300),
        ("EService: Throttled: soon", 1),
    ],
)
def test_a_wait_is_as_long_as_the_venue_asks(code: str, seconds: float) -> None:
    error = classify(code, lambda: NOW)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == seconds


def test_a_rate_limit_asks_for_a_wait() -> None:
    error = classify("EAPI:Rate limit exceeded")
    assert isinstance(error, RateLimited)
    assert 5 <= error.retry_after_s <= 15


@given(st.text(max_size=300))
def test_no_string_breaks_the_table_and_none_is_taken_for_a_success(code: str) -> None:
    error = classify(code)
    assert isinstance(error, VenueRejected | VenueUnclear)
    assert len(error.code) <= 200


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (["EOrder:Insufficient funds", "EService:Busy"], VenueUnclear),
        (["EAPI:Invalid key", "EOrder:Insufficient funds"], AccountBarred),
        (["EOrder:Insufficient funds", "EAPI:Rate limit exceeded"], RateLimited),
        (["EAPI:Invalid key", "EGeneral:Internal error"], VenueUnclear),
    ],
)
def test_of_several_strings_the_worst_counts(codes: list[str], kind: type[VenueError]) -> None:
    assert type(worst_of(codes)) is kind
    assert type(worst_of(reversed(codes))) is kind


def test_reasons_that_the_bot_acts_on_are_known_in_all_their_spellings() -> None:
    assert is_minimum_not_met("EGeneral:Invalid arguments:volume minimum not met")
    assert is_minimum_not_met("EOrder:Order minimum not met")
    assert is_minimum_not_met("EOrder:Cost minimum not met")
    assert not is_minimum_not_met("EGeneral:Invalid arguments:volume")
    assert is_duplicate_client_id("EGeneral:Invalid arguments:cl_ord_id not unique")
    assert not is_duplicate_client_id("EGeneral:Invalid arguments:cl_ord_id")
    assert is_insufficient_funds("EOrder:Insufficient funds")
    assert not is_insufficient_funds("EOrder:Insufficient margin")


def _status_error(status: int, **answer: object) -> requests.HTTPError:
    with responses.RequestsMock() as mock:
        mock.post("https://api.kraken.com/0/private/AddOrder", status=status, **answer)
        response = requests.post("https://api.kraken.com/0/private/AddOrder", timeout=1)
    return requests.HTTPError("trouble", response=response)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, VenueUnclear) for status in (500, 502, 503, 504, 520, 522, 524, 403, 400)),
        *((status, VenueUnreachable) for status in (521, 523, 525, 526)),
        (429, RateLimited),
    ],
)
def test_every_http_status_has_its_meaning(status: int, kind: type[VenueError]) -> None:
    error = translate(_status_error(status, body="<html>secret page</html>"))
    assert type(error) is kind
    assert "secret" not in str(error)


def test_an_unknown_method_is_a_refusal_although_the_status_is_404() -> None:
    error = translate(_status_error(404, json={"error": ["EGeneral:Unknown method"]}))
    assert type(error) is VenueRejected


def test_a_gateways_5xx_is_unclear_whatever_its_body_says() -> None:
    error = translate(_status_error(502, json={"error": ["EOrder:Insufficient funds"]}))
    assert type(error) is VenueUnclear


def test_what_comes_with_no_status_means_what_it_does_anywhere() -> None:
    assert type(translate(requests.HTTPError("no response"))) is VenueUnclear
    assert type(translate(requests.ConnectTimeout())) is VenueUnreachable
    error = VenueUnreachable("no byte left")
    assert translate(error) is error
