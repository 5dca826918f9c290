"""One Coinbase key over real HTTP: what leaves, what comes back, and what never leaves twice."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import jwt
import pytest
import requests
import responses

from bot.brokers.coinbase.client import CoinbaseClient
from bot.brokers.coinbase.errors import TokenRefused
from bot.brokers.coinbase.limits import READ_BURST
from bot.brokers.failures import NotFound
from bot.brokers.transport import SessionKind
from bot.domain.errors import (
    AccountBarred,
    RateLimited,
    SettingsError,
    VenueRejected,
    VenueUnclear,
    VenueUnreachable,
)
from tests.unit.brokers.clocks import HandClock
from tests.unit.brokers.coinbase_data import EC_KEY, KEY_NAME, SECRET, own
from tests.unit.brokers.raw_server import Arrived, Peer, RawServer

ACCOUNT = "daivon_frazier:coinbase"
ORDER = {
    "client_order_id": "name-1",
    "product_id": "BTC-USD",
    "side": "BUY",
    "order_configuration": {"market_market_ioc": {"quote_size": "1.5"}},
}
ORDERS = "/api/v3/brokerage/orders"
UNAUTHORIZED = b"Unauthorized\n"

MakeClient = Callable[..., CoinbaseClient]


@pytest.fixture(params=["curl", "requests"])
def kind(request: pytest.FixtureRequest) -> SessionKind:
    return request.param


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    made: list[CoinbaseClient] = []

    def make(url: str, **options: Any) -> CoinbaseClient:
        made.append(CoinbaseClient(KEY_NAME, SECRET, account=ACCOUNT, url=url, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


def _ok(peer: Peer, request: Arrived) -> bool:
    return peer.answer_json(own("placed"))


def place(client: CoinbaseClient) -> dict[str, Any]:
    call = client.prepare_order(ORDER)
    call.send()
    return call.result()


def claims(request: Arrived) -> dict[str, Any]:
    token = request.headers["authorization"].removeprefix("Bearer ")
    found: dict[str, Any] = jwt.decode(token, EC_KEY.public_key(), algorithms=["ES256"], issuer="cdp", leeway=5)
    return found


# -- what leaves -----------------------------------------------------------------------------------------------------


def test_an_order_leaves_as_the_sdk_would_send_it_with_a_token_of_a_few_seconds(
    kind: SessionKind, make_client: MakeClient
) -> None:
    with RawServer(_ok) as server:
        assert place(make_client(server.url, session=kind, order_deadline_s=3)) == own("placed")
        (request,) = server.arrived
    assert (request.method, request.path) == ("POST", ORDERS)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("coinbase-advanced-py/")
    assert request.body.replace(b" ", b"") == (
        b'{"client_order_id":"name-1","product_id":"BTC-USD","side":"BUY",'
        b'"order_configuration":{"market_market_ioc":{"quote_size":"1.5"}}}'
    )
    token = claims(request)
    assert token["uri"] == f"POST api.coinbase.com{ORDERS}", "the host that is meant, not the one that was asked"
    assert 4 <= token["exp"] - time.time() <= 7


def test_a_read_has_its_query_and_a_token_without_it_and_no_body(kind: SessionKind, make_client: MakeClient) -> None:
    with RawServer(_ok) as server:
        params: Any = {"product_ids": ["BTC-USD", "ETH-USD"], "limit": 5, "cursor": None}
        make_client(server.url, session=kind).get("/orders/historical/batch", params)
        (request,) = server.arrived
    assert (request.method, request.path) == (
        "GET",
        f"{ORDERS}/historical/batch?product_ids=BTC-USD&product_ids=ETH-USD&limit=5",
    )
    assert request.body == b""
    assert claims(request)["uri"] == f"GET api.coinbase.com{ORDERS}/historical/batch"


def test_a_public_call_needs_no_key_and_carries_no_token(kind: SessionKind) -> None:
    with RawServer(_ok) as server:
        client = CoinbaseClient("", "", url=server.url, session=kind)
        client.get_public("/market/products", {"product_type": "SPOT"})
        client.close()
        (request,) = server.arrived
    assert request.path == "/api/v3/brokerage/market/products?product_type=SPOT"
    assert "authorization" not in request.headers


def test_keys_in_the_environment_are_not_taken_behind_the_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COINBASE_API_KEY", "canary")
    monkeypatch.setenv("COINBASE_API_SECRET", "canary")
    client = CoinbaseClient("", "", account=ACCOUNT)
    with pytest.raises(SettingsError, match=f"{ACCOUNT}: there is no Coinbase API key"):
        client.get("/accounts")
    with pytest.raises(SettingsError, match="no Coinbase API key"):
        client.prepare_order(ORDER)


def test_a_secret_that_is_no_key_is_told_when_the_client_is_made() -> None:
    with pytest.raises(SettingsError, match="no private key"):
        CoinbaseClient(KEY_NAME, "canary", account=ACCOUNT)


# -- what comes back -------------------------------------------------------------------------------------------------


def test_numbers_are_exact(kind: SessionKind, make_client: MakeClient) -> None:
    body = b'{"total_volume":1000.10000000000000000001,"big":12345678901234567890,"rate":1e-5,"price":"1.10"}'
    with RawServer(lambda peer, _: peer.answer(body)) as server:
        answer = make_client(server.url, session=kind).get("/transaction_summary")
    assert answer == {
        "total_volume": Decimal("1000.10000000000000000001"),
        "big": 12345678901234567890,
        "rate": Decimal("1E-5"),
        "price": "1.10",
    }


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>secret</html>", b"[]", b"null", b'"text"', b'{"a":NaN}', b'{"success":tr', b"\xff\xfe"],
    ids=["empty", "html", "list", "null", "text", "nan", "cut", "no-utf8"],
)
def test_an_answer_that_cannot_be_read_is_unclear(kind: SessionKind, make_client: MakeClient, body: bytes) -> None:
    with RawServer(lambda peer, _: peer.answer(body)) as server:
        with pytest.raises(VenueUnclear) as caught:
            place(make_client(server.url, session=kind))
        assert len(server.arrived) == 1
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "kind_of_error"),
    [
        ("400 Bad Request", b'{"error":"INVALID_ARGUMENT","message":"account is not available"}', VenueRejected),
        ("403 Forbidden", b'{"error":"PERMISSION_DENIED","error_details":"Missing required scopes"}', AccountBarred),
        ("403 Forbidden", b"<html>", VenueUnclear),
        ("404 Not Found", b"{}", NotFound),
        ("429 Too Many Requests", b"<html>", RateLimited),
        ("500 Internal Server Error", b'{"error":"INTERNAL"}', VenueUnclear),
        ("502 Bad Gateway", b"<html>", VenueUnclear),
        ("503 Service Unavailable", b"go/sg/x", VenueUnclear),
        ("520 Unknown", b"", VenueUnclear),
        ("301 Moved Permanently", b"", VenueUnclear),
    ],
)
def test_a_status_other_than_200_has_its_meaning_and_nothing_is_sent_again(
    kind: SessionKind, make_client: MakeClient, status: str, body: bytes, kind_of_error: type[Exception]
) -> None:
    headers = "Location: https://elsewhere.example/\r\n" if status.startswith("301") else ""
    with RawServer(lambda peer, _: peer.answer(body, status, headers)) as server:
        with pytest.raises(kind_of_error) as caught:
            place(make_client(server.url, session=kind))
        assert len(server.arrived) == 1
    assert type(caught.value) is kind_of_error


def test_a_rate_limit_says_how_long_and_reads_wait_for_it(make_client: MakeClient) -> None:
    script = lambda peer, _: peer.answer(b"", "429 Too Many Requests", "Retry-After: 7\r\n")  # noqa: E731
    with RawServer(script) as server:
        client = make_client(server.url, clock=HandClock())
        with pytest.raises(RateLimited) as caught:
            place(client)
    assert caught.value.retry_after_s == 7
    assert client.read_delay() > 0


def test_reads_leave_room_for_orders_and_orders_wait_for_nobody(make_client: MakeClient) -> None:
    with RawServer(_ok) as server:
        client = make_client(server.url, clock=HandClock())
        for _ in range(int(READ_BURST)):
            client.get("/accounts")
        assert client.read_delay() > 0
        for _ in range(5):
            place(client)
        assert len(server.arrived) == READ_BURST + 5


# -- tokens that are refused -----------------------------------------------------------------------------------------


def _refusing(times: int, headers: str = "") -> Callable[[Peer, Arrived], bool]:
    def script(peer: Peer, request: Arrived) -> bool:
        if request.number <= times:
            return peer.answer(UNAUTHORIZED, "401 Unauthorized", headers)
        return _ok(peer, request)

    return script


def test_an_order_whose_token_is_refused_leaves_once_more_under_the_same_name_with_a_new_token(
    kind: SessionKind, make_client: MakeClient
) -> None:
    with RawServer(_refusing(1)) as server:
        assert place(make_client(server.url, session=kind)) == own("placed")
        first, second = server.arrived
    assert first.body == second.body
    assert first.headers["authorization"] != second.headers["authorization"]


@pytest.mark.parametrize("what", ["order", "read"])
def test_a_token_that_is_refused_twice_bars_the_account_and_says_what_to_mend(
    kind: SessionKind, make_client: MakeClient, what: str
) -> None:
    with RawServer(_refusing(9)) as server:
        client = make_client(server.url, session=kind)
        with pytest.raises(TokenRefused, match=r"HTTP 401.*check key and secret"):
            place(client) if what == "order" else client.get("/accounts")
        assert len(server.arrived) == 2


def test_a_read_whose_token_is_refused_once_has_its_answer(kind: SessionKind, make_client: MakeClient) -> None:
    with RawServer(_refusing(1)) as server:
        assert make_client(server.url, session=kind).get("/accounts") == own("placed")


def test_a_machine_with_a_wrong_clock_learns_the_venues_from_its_refusal(
    kind: SessionKind, make_client: MakeClient
) -> None:
    clock = HandClock(int((time.time() - 500) * 1e9))
    date = time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n", time.gmtime())
    with RawServer(_refusing(1, date)) as server:
        place(make_client(server.url, session=kind, clock=clock))
        _, second = server.arrived
    assert abs(claims(second)["exp"] - time.time() - 7) < 4


# -- how late an order may still be taken ----------------------------------------------------------------------------


def test_no_order_is_taken_after_its_token_has_ended(make_client: MakeClient) -> None:
    clock = HandClock()
    with RawServer(_ok) as server:
        client = make_client(server.url, clock=clock, order_deadline_s=3)
        at_start = client.orders_end_ns
        assert 5e9 <= at_start <= 9e9, "what an earlier process sent right before this one"
        clock.advance(100)
        client.get("/accounts")
        assert client.orders_end_ns == at_start, "a read places nothing"
        place(client)
        assert client.orders_end_ns == at_start + 100e9


def test_an_order_that_left_again_may_be_taken_as_long_as_its_second_token(make_client: MakeClient) -> None:
    clock = HandClock()

    def script(peer: Peer, request: Arrived) -> bool:
        clock.advance(4)
        return _refusing(1)(peer, request)

    with RawServer(script) as server:
        client = make_client(server.url, clock=clock)
        before = client.orders_end_ns
        place(client)
        assert client.orders_end_ns == before + 4e9


# -- connections -----------------------------------------------------------------------------------------------------


def test_a_refused_connection_sends_nothing(kind: SessionKind, make_client: MakeClient) -> None:
    with RawServer(_ok) as server:
        url = server.url
    client = make_client(url, session=kind)
    with pytest.raises(VenueUnreachable):
        place(client)
    with pytest.raises(VenueUnreachable):
        client.get("/accounts")


def test_no_answer_in_time_is_unclear_and_the_next_call_works(kind: SessionKind, make_client: MakeClient) -> None:
    stop = threading.Event()
    with RawServer(lambda peer, request: stop.wait(60) if request.number == 1 else _ok(peer, request)) as server:
        client = make_client(server.url, session=kind, read_timeout_s=0.3)
        with pytest.raises(VenueUnclear, match="no answer in time"):
            place(client)
        assert client.get("/accounts") == own("placed")
        stop.set()
        assert len(server.arrived) == 2


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_connection_that_breaks_after_the_order_was_read_is_unclear_and_the_order_is_not_repeated(
    kind: SessionKind, make_client: MakeClient, end: str
) -> None:
    def script(peer: Peer, request: Arrived) -> bool:
        return _ok(peer, request) if request.number == 1 else getattr(peer, end)()

    with RawServer(script) as server:
        client = make_client(server.url, session=kind)
        client.get("/accounts")
        with pytest.raises(VenueUnclear):
            place(client)
        assert len(server.arrived) == 2


def test_the_environments_proxies_and_netrc_are_left_alone(
    kind: SessionKind, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login canary password canary\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with RawServer(_ok) as server:
        place(make_client(server.url, session=kind))
        assert claims(server.arrived[0])["sub"] == KEY_NAME


# -- in three steps --------------------------------------------------------------------------------------------------


def test_nothing_leaves_before_it_is_sent_and_a_discarded_order_never_does(
    kind: SessionKind, make_client: MakeClient
) -> None:
    with RawServer(_ok) as server:
        client = make_client(server.url, session=kind)
        client.prepare_order(ORDER).discard()
        call = client.prepare_order(ORDER)
        assert server.arrived == []
        call.send()
        assert call.result() == own("placed")
        assert len(server.arrived) == 1


def test_what_one_thread_prepares_another_may_send_and_a_third_wait_for(make_client: MakeClient) -> None:
    with RawServer(_ok) as server:
        call = make_client(server.url).prepare_order(ORDER)
        results: list[Any] = []
        for step in (call.send, lambda: results.append(call.result())):
            thread = threading.Thread(target=step)
            thread.start()
            thread.join(30)
        assert results == [own("placed")]


def test_an_order_on_an_open_connection_leaves_with_send_and_its_time_out_counts_from_there(
    make_client: MakeClient,
) -> None:
    release, arrived = threading.Event(), threading.Event()

    def script(peer: Peer, request: Arrived) -> bool:
        if request.number == 1:
            return _ok(peer, request)
        arrived.set()
        release.wait(60)
        return False

    with RawServer(script) as server:
        client = make_client(server.url, read_timeout_s=0.4)
        client.get("/accounts")
        call = client.prepare_order(ORDER)
        call.send()
        assert arrived.wait(30), "without anybody waiting for the answer"
        with pytest.raises(VenueUnclear):
            call.result()
        release.set()


# -- what is shown ---------------------------------------------------------------------------------------------------


def test_neither_key_nor_token_nor_body_is_logged_or_printed(
    kind: SessionKind, make_client: MakeClient, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    secret_body = b'{"error":"INTERNAL","message":"","echo":"canary"}'
    with (
        caplog.at_level(logging.DEBUG),
        RawServer(lambda peer, _: peer.answer(secret_body, "500 Internal Server Error")) as server,
    ):
        client = make_client(server.url, session=kind)
        with pytest.raises(VenueUnclear) as caught:
            place(client)
        shown = f"{client!r} {caught.value!r} {caught.value.__cause__!r} {vars(client)}"
    printed = capfd.readouterr()
    for text in (shown, caplog.text, printed.out, printed.err):
        assert "canary" not in text
        assert "Bearer" not in text
        assert "PRIVATE KEY" not in text
    assert repr(client) == f"CoinbaseClient('{ACCOUNT}')"


@responses.activate
def test_the_session_of_the_requests_library_can_be_mocked(make_client: MakeClient) -> None:
    responses.post(f"https://api.coinbase.com{ORDERS}", json=own("placed"))
    responses.get("https://api.coinbase.com/api/v3/brokerage/accounts", body=requests.ReadTimeout())
    client = make_client("https://api.coinbase.com", session="requests")
    assert place(client) == own("placed")
    with pytest.raises(VenueUnclear):
        client.get("/accounts")
