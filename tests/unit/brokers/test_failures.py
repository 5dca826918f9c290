"""What an exception says of the request that raised it: whether the venue can have got it."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
import requests
import urllib3

from bot.brokers.failures import one_line, translate, translated
from bot.brokers.transport import AnswerTimeout, NotSent
from bot.domain.errors import RateLimited, SettingsError, VenueError, VenueUnclear, VenueUnreachable


def given_up(reason: Exception) -> Exception:
    """As urllib3 says it when it has no tries left."""
    pool: Any = None
    return urllib3.exceptions.MaxRetryError(pool, "/", reason)


def refused() -> Exception:
    pool: Any = None
    return urllib3.exceptions.NewConnectionError(pool, "refused")


NOT_SENT: dict[str, Exception] = {
    "our own session": NotSent("no connection: refused"),
    "connect time-out": requests.ConnectTimeout(),
    "refused": requests.ConnectionError(refused()),
    "refused, given up": requests.ConnectionError(given_up(refused())),
    "certificate": requests.ConnectionError(urllib3.exceptions.SSLError(ssl.SSLCertVerificationError())),
    "address": requests.exceptions.InvalidURL(),
    "no scheme": requests.exceptions.MissingSchema(),
    "wrong scheme": requests.exceptions.InvalidSchema(),
    "header": requests.exceptions.InvalidHeader("key: secret"),
}
UNCLEAR: dict[str, Exception] = {
    "our own session": AnswerTimeout("no answer in time"),
    "read time-out": requests.ReadTimeout(),
    "reset": requests.ConnectionError(urllib3.exceptions.ProtocolError("aborted", ConnectionResetError())),
    "connection, no cause": requests.ConnectionError(),
    "half an answer": requests.exceptions.ChunkedEncodingError(),
    "TLS": requests.exceptions.SSLError(given_up(urllib3.exceptions.SSLError("bad"))),
    "TLS ended": requests.ConnectionError(urllib3.exceptions.SSLError(ssl.SSLEOFError())),
    "no JSON": requests.exceptions.JSONDecodeError("no", "<html>secret page</html>", 0),
    "status, no answer": requests.HTTPError("no response"),
    "key": KeyError("secret"),
    "type": TypeError("list"),
    "value": ValueError("not JSON: secret"),
    "attribute": AttributeError("order_configuration"),
    "anything": RuntimeError("anything: secret"),
}


@pytest.mark.parametrize("error", NOT_SENT.values(), ids=NOT_SENT)
def test_what_never_got_a_connection_was_not_sent(error: Exception) -> None:
    meant = translate(error)
    assert type(meant) is VenueUnreachable
    assert "secret" not in str(meant)


@pytest.mark.parametrize("error", UNCLEAR.values(), ids=UNCLEAR)
def test_whatever_else_goes_wrong_is_unclear_and_shows_no_body(error: Exception) -> None:
    meant = translate(error)
    assert type(meant) is VenueUnclear
    assert "secret" not in str(meant)
    assert type(error).__name__ in str(meant)


@pytest.mark.parametrize("error", [VenueUnreachable("no byte left"), RateLimited("wait", 1)], ids=["unsent", "limited"])
def test_a_venue_error_stays_what_it_is(error: VenueError) -> None:
    assert translate(error) is error


@pytest.mark.parametrize("error", [SettingsError("no key"), RateLimited("wait", 1)], ids=["settings", "limited"])
def test_our_own_errors_come_out_of_a_call_as_they_are(error: Exception) -> None:
    def call() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        translated(call)
    assert caught.value is error


def test_an_sdks_error_comes_out_of_a_call_translated_and_names_its_cause() -> None:
    cause = requests.ConnectTimeout()

    def call() -> None:
        raise cause

    with pytest.raises(VenueUnreachable) as caught:
        translated(call)
    assert caught.value.__cause__ is cause
    assert translated(lambda: 7) == 7


def test_a_venues_words_fit_one_line() -> None:
    assert one_line("no\n  such\torder ") == "no such order"
    assert len(one_line("word " * 100)) == 200
