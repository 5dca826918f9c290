"""One Alpaca key: what goes on the wire, what comes back, and what an order's fate is known to be."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from bot.brokers.alpaca.client import AlpacaClient, AlpacaPrices
from bot.brokers.failures import NotFound
from bot.brokers.transport import SessionKind
from bot.domain.errors import RateLimited, SettingsError, VenueError, VenueUnclear, VenueUnreachable
from bot.domain.ids import VenueOrderId
from tests.unit.brokers.clocks import HandClock
from tests.unit.brokers.raw_server import Arrived, Peer, RawServer

KEY, SECRET = "PKAAAABBBBCCCCDDDDEE", "s3cr3tS3CR3Ts3cr3tS3CR3Ts3cr3tS3CR3Tabcd"
ORDER = {
    "symbol": "BTC/USD",
    "qty": "0.000000001",
    "side": "buy",
    "type": "market",
    "time_in_force": "gtc",
    "client_order_id": "a-1",
}

MakeClient = Callable[..., AlpacaClient]


@pytest.fixture(params=["curl", "requests"])
def kind(request: pytest.FixtureRequest) -> SessionKind:
    return request.param


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    made: list[AlpacaClient] = []

    def make(url: str | None, **options: Any) -> AlpacaClient:
        made.append(AlpacaClient(KEY, SECRET, account="a:alpaca", url=url, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


def _id_of(answer: Any) -> VenueOrderId:
    if not isinstance(answer, dict) or "id" not in answer:
        raise VenueUnclear("the answer names no order")
    return VenueOrderId(answer["id"])


def place(client: AlpacaClient) -> str:
    call = client.prepare_order(ORDER)
    call.send()
    return _id_of(call.result())


def _placed(peer: Peer, request: Arrived) -> bool:
    return peer.answer_json({"id": f"O{request.number}"})


def _says(body: bytes, status: str, headers: str = "") -> Callable[[Peer, Arrived], bool]:
    return lambda peer, request: peer.answer(body, status, headers)


# -- on the wire -----------------------------------------------------------------------------------------------------


def test_an_order_goes_out_once_as_json_of_strings_with_the_keys_headers(
    kind: SessionKind, make_client: MakeClient
) -> None:
    with RawServer(_placed) as server:
        assert place(make_client(server.url, session=kind)) == "O1"
        (request,) = server.arrived
    assert (request.method, request.path) == ("POST", "/v2/orders")
    assert json.loads(request.body) == ORDER
    assert request.headers["apca-api-key-id"] == KEY
    assert request.headers["apca-api-secret-key"] == SECRET
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("APCA-PY/")


@pytest.mark.parametrize(
    ("ask", "path", "query"),
    [
        (lambda client: client.get_account(), "/v2/account", {}),
        (lambda client: client.get_positions(), "/v2/positions", {}),
        (lambda client: client.get_assets(), "/v2/assets", {"asset_class": ["crypto"]}),
        (lambda client: client.get_order(VenueOrderId("o-1")), "/v2/orders/o-1", {}),
        (
            lambda client: client.get_order_by_client_id("a-1"),
            "/v2/orders:by_client_order_id",
            {"client_order_id": ["a-1"]},
        ),
        (
            lambda client: client.get_orders("open"),
            "/v2/orders",
            {"status": ["open"], "limit": ["500"], "direction": ["desc"]},
        ),
        (
            lambda client: client.get_orders(
                "all", datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, 1, 2, 3, 4, tzinfo=UTC)
            ),
            "/v2/orders",
            {
                "status": ["all"],
                "limit": ["500"],
                "direction": ["desc"],
                "after": ["2026-10-01T00:00:00.000000Z"],
                "until": ["2026-10-02T01:02:03.000004Z"],
            },
        ),
    ],
    ids=["account", "positions", "assets", "order", "order by name", "open orders", "all orders"],
)
def test_questions_are_asked_as_the_venue_wants_them(
    kind: SessionKind, make_client: MakeClient, ask: Any, path: str, query: dict[str, list[str]]
) -> None:
    with RawServer(lambda peer, request: peer.answer(b'{"x": 0.10000000000000000001}')) as server:
        assert ask(make_client(server.url, session=kind)) == {"x": Decimal("0.10000000000000000001")}
        (request,) = server.arrived
    address = urlsplit(request.path)
    assert (request.method, address.path, parse_qs(address.query)) == ("GET", path, query)
    assert request.headers["apca-api-key-id"] == KEY


def test_prices_are_asked_for_without_a_key(kind: SessionKind) -> None:
    with RawServer(lambda peer, request: peer.answer(b'{"quotes": {"BTC/USD": {"ap": 1.1}}}')) as server:
        prices = AlpacaPrices(url=server.url, session=kind)
        assert prices.latest_quotes(["BTC/USD", "ETH/USD"]) == {"quotes": {"BTC/USD": {"ap": Decimal("1.1")}}}
        prices.close()
        (request,) = server.arrived
    address = urlsplit(request.path)
    assert address.path == "/v1beta3/crypto/us/latest/quotes"
    assert parse_qs(address.query) == {"symbols": ["BTC/USD,ETH/USD"]}
    assert not any(name.startswith("apca") or name == "authorization" for name in request.headers)


@pytest.mark.parametrize(
    ("paper", "host"), [(True, "https://paper-api.alpaca.markets"), (False, "https://api.alpaca.markets")]
)
@responses.activate
def test_paper_and_live_accounts_have_their_own_addresses(make_client: MakeClient, paper: bool, host: str) -> None:
    responses.get(f"{host}/v2/account", json={"status": "ACTIVE"})
    responses.post(f"{host}/v2/orders", json={"id": "O1"})
    client = make_client(None, paper=paper, session="requests")
    assert client.get_account() == {"status": "ACTIVE"}
    assert place(client) == "O1"


@pytest.mark.parametrize(("paper", "host"), [(True, "paper-api.alpaca.markets"), (False, "api.alpaca.markets")])
def test_a_prepared_order_has_the_address_of_its_kind_of_account(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, paper: bool, host: str
) -> None:
    client = make_client(None, paper=paper)
    asked: list[str] = []

    def prepare(method: str, url: str, **_: Any) -> Any:
        asked.append(url)
        raise VenueUnreachable("not in a test")

    monkeypatch.setattr(client._api.session, "prepare", prepare)
    with pytest.raises(VenueUnreachable):
        client.prepare_order(ORDER)
    assert asked == [f"https://{host}/v2/orders"]


@responses.activate
def test_prices_have_their_own_address() -> None:
    responses.get("https://data.alpaca.markets/v1beta3/crypto/us/latest/quotes", json={"quotes": {}})
    assert AlpacaPrices(session="requests").latest_quotes(["BTC/USD"]) == {"quotes": {}}


# -- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "  ", "two words", "line\nbreak", "caf\u00e9caf\u00e9caf\u00e9", "tab\there"])
@pytest.mark.parametrize("part", ["key", "secret"])
def test_what_cannot_be_a_key_is_refused_without_being_shown(text: str, part: str) -> None:
    key, secret = (text, SECRET) if part == "key" else (KEY, text)
    with pytest.raises(SettingsError, match=f"a:alpaca: the ALPACA API {part}") as caught:
        AlpacaClient(key, secret, account="a:alpaca")
    assert not text.strip() or text not in str(caught.value)


def test_a_client_does_not_show_its_key(make_client: MakeClient) -> None:
    shown = repr(make_client("http://127.0.0.1:1"))
    assert shown == "AlpacaClient('a:alpaca')"


def test_a_failure_shows_neither_key_nor_body(
    kind: SessionKind, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with RawServer(lambda peer, request: peer.reset()) as server, pytest.raises(VenueUnclear) as caught:
        place(make_client(server.url, session=kind))
    text = str(caught.value) + caplog.text
    assert KEY not in text
    assert SECRET not in text


# -- what is known of an order ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        _says(b"", "200 OK"),
        _says(b"null", "200 OK"),
        _says(b"<html>", "200 OK"),
        _says(b'{"id": NaN}', "200 OK"),
        _says(b'{"id": "O', "200 OK"),
        _says(b"{}", "200 OK"),
        _says(b"\xff\xfe{}", "200 OK"),
        _says(b"", "301 Moved", "Location: https://example.com/\r\n"),
        _says(b'{"code":50010000,"message":"internal server error occurred"}', "500 Internal Server Error"),
        _says(b"<html>", "502 Bad Gateway"),
        _says(b"", "503 Service Unavailable"),
        _says(b"", "504 Gateway Timeout"),
        _says(b'{"code":40010001,"message":"client_order_id must be unique"}', "422 Unprocessable Entity"),
        lambda peer, request: peer.reset(),
        lambda peer, request: peer.close(),
        lambda peer, request: peer.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}") and peer.close(),
    ],
    ids=[
        "empty",
        "null",
        "html",
        "no number",
        "cut off",
        "no id",
        "no text",
        "moved",
        "500",
        "502",
        "503",
        "504",
        "duplicate",
        "reset",
        "closed",
        "half an answer",
    ],
)
def test_an_order_without_a_clear_answer_is_unclear_and_sent_once(
    kind: SessionKind, make_client: MakeClient, script: Any
) -> None:
    with RawServer(script) as server:
        with pytest.raises(VenueError) as caught:
            place(make_client(server.url, session=kind))
        time.sleep(0.05)
        assert len(server.arrived) == 1
    assert type(caught.value) is VenueUnclear


def test_an_answer_that_never_comes_is_unclear_in_time(kind: SessionKind, make_client: MakeClient) -> None:
    release = threading.Event()

    def hang(_peer: Peer, _request: Arrived) -> bool:
        release.wait(60)
        return False

    with RawServer(hang) as server:
        began = time.monotonic()
        with pytest.raises(VenueUnclear, match="no answer in time"):
            place(make_client(server.url, session=kind, read_timeout_s=0.3))
        assert time.monotonic() - began < 20
        release.set()


def test_a_refused_connection_is_known_not_to_have_been_sent(kind: SessionKind, make_client: MakeClient) -> None:
    with RawServer(_placed) as server:
        url = server.url
    with pytest.raises(VenueUnreachable):
        place(make_client(url, session=kind))


def test_an_order_that_is_not_found_is_told_apart(kind: SessionKind, make_client: MakeClient) -> None:
    body = b'{"code":40410000,"message":"order not found for a-1"}'
    with RawServer(_says(body, "404 Not Found")) as server, pytest.raises(NotFound):
        make_client(server.url, session=kind).get_order_by_client_id("a-1")


# -- three steps -----------------------------------------------------------------------------------------------------


def test_nothing_leaves_before_it_is_sent(make_client: MakeClient) -> None:
    with RawServer(_placed) as server:
        client = make_client(server.url)
        client.get_account()
        call = client.prepare_order(ORDER)
        time.sleep(0.05)
        assert len(server.arrived) == 1
        call.send()
        deadline = time.monotonic() + 30
        while len(server.arrived) < 2:
            assert time.monotonic() < deadline
            threading.Event().wait(0.005)
        assert _id_of(call.result()) == "O2"


def test_a_discarded_order_never_arrives_and_the_next_call_goes_on(make_client: MakeClient) -> None:
    with RawServer(_placed) as server:
        client = make_client(server.url)
        client.prepare_order(ORDER).discard()
        client.get_account()
        assert [request.path for request in server.arrived] == ["/v2/account"]


def test_what_one_thread_prepares_another_may_send_and_a_third_wait_for(make_client: MakeClient) -> None:
    with RawServer(_placed) as server:
        call = make_client(server.url).prepare_order(ORDER)
        found: list[str] = []
        for step in (call.send, lambda: found.append(_id_of(call.result()))):
            thread = threading.Thread(target=step)
            thread.start()
            thread.join(30)
        assert found == ["O1"]


# -- limits ----------------------------------------------------------------------------------------------------------


def test_reads_leave_room_for_orders(make_client: MakeClient) -> None:
    clock = HandClock()
    with RawServer(_placed) as server:
        client = make_client(server.url, clock=clock)
        reads = 0
        while client.read_delay(1) == 0:
            client.get_account()
            reads += 1
        assert reads == 80
        for _ in range(20):
            place(client)
        assert len(server.arrived) == 100
        assert client.read_delay(1) > 10
        clock.advance(60)
        assert client.read_delay(2) == 0


def test_no_minute_has_more_calls_than_the_venue_allows(make_client: MakeClient) -> None:
    clock = HandClock()
    with RawServer(_placed) as server:
        client = make_client(server.url, clock=clock)
        for _ in range(600):
            if client.read_delay(1) == 0:
                client.get_account()
            clock.advance(0.1)
        assert len(server.arrived) <= 200 - 20


def test_too_many_requests_keep_reads_back_until_the_venues_minute_is_over(
    kind: SessionKind, make_client: MakeClient
) -> None:
    clock = HandClock()
    reset = f"X-Ratelimit-Reset: {int(clock.time()) + 40}\r\n"
    body = b'{"code":42910000,"message":"rate limit exceeded"}'
    with RawServer(_says(body, "429 Too Many Requests", reset)) as server:
        client = make_client(server.url, session=kind, clock=clock)
        with pytest.raises(RateLimited) as caught:
            place(client)
        assert caught.value.retry_after_s == pytest.approx(40, abs=1)
        assert client.read_delay() == pytest.approx(40, abs=1)
        with pytest.raises(RateLimited):
            client.get_account()
        assert len(server.arrived) == 1, "neither is sent again, and reads do not go on asking"
        client.start_afresh()
        assert client.read_delay() == 0
