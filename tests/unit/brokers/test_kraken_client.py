from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import responses

from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.errors import NonceRefused
from bot.brokers.kraken.nonce import NonceStore
from bot.brokers.transport import SessionKind
from bot.domain.errors import (
    AccountBarred,
    AccountInUse,
    RateLimited,
    SettingsError,
    VenueRejected,
    VenueUnclear,
    VenueUnreachable,
)
from tests.unit.brokers.clocks import HandClock
from tests.unit.brokers.raw_server import Arrived, Peer, RawServer

ACCOUNT = "daivon_frazier:kraken"
KEY = "CanaryKeyCanaryKeyCanaryKeyCanaryKeyCanaryKeyCanaryKey12"
SECRET = base64.b64encode(b"canary secret canary secret canary secret canary secret 12345678").decode()
ORDER = {"ordertype": "market", "type": "buy", "volume": "0.001", "pair": "XBTUSD", "cl_ord_id": "a-1"}
PLACED = {
    "error": [],
    "result": {"descr": {"order": "buy 0.00100000 XBTUSD @ market"}, "txid": ["OL7LNO-R4SAD-6UINEU"]},
}

MakeClient = Callable[..., KrakenClient]


class FixedNonce:
    """Hands out one nonce for ever."""

    def __init__(self, nonce: int) -> None:
        self.nonce = nonce

    def next_nonce(self) -> int:
        return self.nonce

    def reserve_ahead(self) -> None:
        return None

    def close(self) -> None:
        return None


@pytest.fixture(params=["curl", "requests"])
def kind(request: pytest.FixtureRequest) -> SessionKind:
    return request.param


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[MakeClient]:
    made: list[KrakenClient] = []

    def make(url: str, **options: Any) -> KrakenClient:
        store = options.pop("nonce_store", None) or NonceStore(ACCOUNT, tmp_path)
        client = KrakenClient(KEY, SECRET, store, account=ACCOUNT, url=url, **options)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


def _ok(peer: Peer, request: Arrived) -> bool:
    return peer.answer_json({"error": [], "result": {}})


def _answers(*answers: Any) -> Callable[[Peer, Arrived], bool]:
    """Answers the first request with the first, and so on; the last one repeats."""
    return lambda peer, request: peer.answer_json(answers[min(request.number, len(answers)) - 1])


def _fields(request: Arrived) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


# -- signing ---------------------------------------------------------------------------------------------------------


def test_the_venues_own_example_is_signed_as_the_venue_says(kind: SessionKind) -> None:
    secret = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
    order = {"ordertype": "limit", "pair": "XBTUSD", "price": 37500, "type": "buy", "volume": "1.25"}
    with RawServer(_ok) as server:
        client = KrakenClient("key", secret, FixedNonce(1616492376594), url=server.url, session=kind)
        client.query_private("AddOrder", order)
        [request] = server.arrived
    assert request.path == "/0/private/AddOrder"
    assert request.body == b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
    assert request.headers["api-key"] == "key"
    assert request.headers["api-sign"] == (
        "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
    )


def test_what_arrives_is_what_was_signed(kind: SessionKind, make_client: MakeClient) -> None:
    params = {**ORDER, "close[ordertype]": "stop-loss", "close[price]": "-5%", "note": "ä & = +", "userref": 7}
    with RawServer(_ok) as server:
        make_client(server.url, session=kind).query_private("AddOrder", params)
        [request] = server.arrived
    signed = request.path.encode() + hashlib.sha256(_fields(request)["nonce"].encode() + request.body).digest()
    expected = base64.b64encode(hmac.digest(base64.b64decode(SECRET), signed, "sha512")).decode()
    assert request.headers["api-sign"] == expected
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert _fields(request)["note"] == "ä & = +"
    assert "nonce" not in params


@pytest.mark.parametrize("value", [None, True, 1.5, 1e-05, ["a"], {"a": 1}, Decimal("1E-5")])
def test_a_value_that_would_be_signed_wrong_is_refused_before_anything_is_sent(
    make_client: MakeClient, value: Any
) -> None:
    with RawServer(_ok) as server:
        with pytest.raises(VenueUnreachable, match="invalid volume for AddOrder"):
            make_client(server.url).query_private("AddOrder", {**ORDER, "volume": value})
        assert server.arrived == []


def test_the_nonce_is_the_clients_to_make(make_client: MakeClient) -> None:
    with RawServer(_ok) as server:
        with pytest.raises(VenueUnreachable, match="nonce"):
            make_client(server.url).query_private("AddOrder", {"nonce": 5})
        assert server.arrived == []


# -- nonces ----------------------------------------------------------------------------------------------------------


def test_nonces_arrive_in_order_from_many_threads(kind: SessionKind, make_client: MakeClient) -> None:
    with RawServer(_ok) as server:
        client = make_client(server.url, session=kind)
        threads = [
            threading.Thread(target=lambda: [client.query_private("AddOrder", ORDER) for _ in range(50)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        nonces = [int(_fields(request)["nonce"]) for request in server.arrived]
    assert len(nonces) == 400
    assert nonces == sorted(set(nonces))


def test_a_read_whose_nonce_was_refused_is_sent_once_more_with_a_new_one(make_client: MakeClient) -> None:
    script = _answers({"error": ["EAPI:Invalid nonce"]}, {"error": [], "result": {"ZUSD": "1.5"}})
    with RawServer(script) as server:
        assert make_client(server.url).query_private("Balance") == {"ZUSD": "1.5"}
        first, second = (int(_fields(request)["nonce"]) for request in server.arrived)
    assert second > first


def test_a_read_whose_nonce_is_refused_twice_gives_up(make_client: MakeClient) -> None:
    with RawServer(_answers({"error": ["EAPI:Invalid nonce"]})) as server:
        with pytest.raises(NonceRefused):
            make_client(server.url).query_private("OpenOrders")
        assert len(server.arrived) == 2


@pytest.mark.parametrize("method", ["AddOrder", "CancelOrder", "AddOrderBatch", "WalletTransfer"])
def test_nothing_that_changes_something_is_sent_again_for_its_nonce(make_client: MakeClient, method: str) -> None:
    with RawServer(_answers({"error": ["EAPI:Invalid nonce"]})) as server:
        with pytest.raises(NonceRefused):
            make_client(server.url).query_private(method, {"pair": "XBTUSD"})
        assert len(server.arrived) == 1


def test_housekeeping_that_cannot_write_is_told_and_hurts_nobody(make_client: MakeClient, tmp_path: Path) -> None:
    clock = HandClock()
    folder = tmp_path / "data"
    with RawServer(_ok) as server:
        client = make_client(server.url, nonce_store=NonceStore(ACCOUNT, folder, clock))
        clock.advance(200)
        folder.rename(tmp_path / "moved")
        with pytest.raises(VenueUnreachable, match="cannot be written"):
            client.reserve_nonces()
        client.query_private("AddOrder", ORDER)
        (tmp_path / "moved").rename(folder)
        client.reserve_nonces()
        assert len(server.arrived) == 1


def test_a_nonce_that_cannot_be_made_sends_nothing(make_client: MakeClient, tmp_path: Path) -> None:
    clock = HandClock()
    folder = tmp_path / "data"
    with RawServer(_ok) as server:
        client = make_client(server.url, nonce_store=NonceStore(ACCOUNT, folder, clock))
        clock.advance(3600)
        folder.rename(tmp_path / "moved")
        with pytest.raises(VenueUnreachable, match="cannot be written"):
            client.query_private("AddOrder", ORDER)
        (tmp_path / "moved").rename(folder)
        assert server.arrived == []


def test_closing_the_client_lets_go_of_the_account(make_client: MakeClient, tmp_path: Path) -> None:
    with RawServer(_ok) as server:
        client = make_client(server.url)
        with pytest.raises(AccountInUse):
            NonceStore(ACCOUNT, tmp_path)
        client.close()
        NonceStore(ACCOUNT, tmp_path).close()


# -- answers ---------------------------------------------------------------------------------------------------------


def test_numbers_are_exact(kind: SessionKind, make_client: MakeClient) -> None:
    body = b'{"error":[],"result":{"opentm":1752768514.603174,"big":12345678901234567890,"rate":1e-5,"price":"1.10"}}'
    with RawServer(lambda peer, _: peer.answer(body)) as server:
        result = make_client(server.url, session=kind).query_private("QueryOrders", {"txid": "O1"})
    assert result == {
        "opentm": Decimal("1752768514.603174"),
        "big": 12345678901234567890,
        "rate": Decimal("1E-5"),
        "price": "1.10",
    }
    assert isinstance(result["opentm"], Decimal)
    assert isinstance(result["big"], int)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"error":[]}',
        b'{"error":null,"result":{}}',
        b'{"error":"EService:Busy"}',
        b'{"error":[],"result":null}',
        b'{"error":[],"result":{"a":NaN}}',
        b'{"error":[],"resu',
        b"\xff\xfe",
    ],
)
def test_an_answer_that_cannot_be_read_is_unclear(kind: SessionKind, make_client: MakeClient, body: bytes) -> None:
    with RawServer(lambda peer, _: peer.answer(body)) as server:
        with pytest.raises(VenueUnclear):
            make_client(server.url, session=kind).query_private("AddOrder", ORDER)
        assert len(server.arrived) == 1


@pytest.mark.parametrize(
    ("errors", "kind_of_error"),
    [
        (["EOrder:Insufficient funds"], VenueRejected),
        (["EAPI:Invalid key"], AccountBarred),
        (["EAPI:Rate limit exceeded"], RateLimited),
        (["EService:Unavailable"], VenueUnclear),
        (["EOrder:Insufficient funds", "EGeneral:Internal error"], VenueUnclear),
        (["WGeneral:Careful", "EOrder:Insufficient funds"], VenueRejected),
        (["nonsense"], VenueUnclear),
    ],
)
def test_an_error_of_the_venue_is_raised_by_its_meaning(
    make_client: MakeClient, errors: list[str], kind_of_error: type[Exception]
) -> None:
    with RawServer(_answers({"error": errors})) as server, pytest.raises(kind_of_error) as caught:
        make_client(server.url).query_private("AddOrder", ORDER)
    assert type(caught.value) is kind_of_error


def test_a_warning_beside_a_result_is_logged_and_the_result_counts(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    warned = {**PLACED, "error": ["WGeneral:Careful"]}
    with RawServer(_answers(warned)) as server, caplog.at_level(logging.WARNING):
        assert make_client(server.url).query_private("AddOrder", ORDER) == PLACED["result"]
    assert "WGeneral:Careful" in caplog.text


@pytest.mark.parametrize(
    ("status", "body", "kind_of_error"),
    [
        ("404 Not Found", b'{"error":["EGeneral:Unknown method"]}', VenueRejected),
        ("502 Bad Gateway", b"<html>", VenueUnclear),
        ("520 Unknown", b"<html>", VenueUnclear),
        ("521 Down", b"<html>", VenueUnreachable),
        ("429 Too Many Requests", b"<html>", RateLimited),
        ("307 Temporary Redirect", b"", VenueUnclear),
    ],
)
def test_a_status_other_than_200_has_its_meaning(
    kind: SessionKind, make_client: MakeClient, status: str, body: bytes, kind_of_error: type[Exception]
) -> None:
    with RawServer(lambda peer, _: peer.answer(body, status)) as server:
        with pytest.raises(kind_of_error):
            make_client(server.url, session=kind).query_private("AddOrder", ORDER)
        assert len(server.arrived) == 1


def test_a_refused_connection_sends_nothing(kind: SessionKind, make_client: MakeClient) -> None:
    with RawServer(_ok) as server:
        url = server.url
    with pytest.raises(VenueUnreachable):
        make_client(url, session=kind).query_private("AddOrder", ORDER)


def test_no_answer_in_time_is_unclear_and_the_next_call_works(kind: SessionKind, make_client: MakeClient) -> None:
    stop = threading.Event()
    with RawServer(lambda peer, request: stop.wait(60) if request.number == 1 else _ok(peer, request)) as server:
        client = make_client(server.url, session=kind)
        with pytest.raises(VenueUnclear):
            client.query_private("AddOrder", ORDER, timeout_s=0.2)
        assert client.query_private("Balance") == {}
        stop.set()
        assert len(server.arrived) == 2


def test_the_session_of_the_requests_library_can_be_mocked(make_client: MakeClient) -> None:
    with responses.RequestsMock() as mock:
        mock.post("https://api.kraken.com/0/private/AddOrder", json=PLACED)
        client = make_client("https://api.kraken.com", session="requests")
        assert client.query_private("AddOrder", ORDER) == PLACED["result"]


# -- the counter of private calls ------------------------------------------------------------------------------------


def test_orders_cost_nothing_and_reads_cost_what_the_venue_says(make_client: MakeClient) -> None:
    clock = HandClock()
    with RawServer(_ok) as server:
        client = make_client(server.url, tier="Starter", clock=clock)
        for _ in range(30):
            client.query_private("AddOrder", ORDER)
        assert client.read_delay() == 0
        for _ in range(3):
            client.query_private("TradesHistory")
        assert client.read_delay("TradesHistory") > 0
        assert client.read_delay() == 0
        # One call and a twentieth of the decay are left unused of the 15 and 0.33 a second that the venue allows.
        for _ in range(2):
            client.query_private("BalanceEx")
        assert client.read_delay() == pytest.approx(1 / (0.33 * 0.95))
        clock.advance(4)
        assert client.read_delay() == 0


def test_a_read_that_waits_for_the_counter_holds_up_no_order_and_can_be_stopped(make_client: MakeClient) -> None:
    stop = threading.Event()
    ended: list[Exception] = []

    def read() -> None:
        try:
            client.query_private("Balance", stop=stop)
        except VenueUnreachable as error:
            ended.append(error)

    with RawServer(_ok) as server:
        client = make_client(server.url, clock=HandClock())
        for _ in range(14):
            client.query_private("Balance")
        waiting = threading.Thread(target=read)
        waiting.start()
        client.query_private("AddOrder", ORDER)
        assert len(server.arrived) == 15
        stop.set()
        waiting.join(30)
        assert len(server.arrived) == 15
    assert "stopped" in str(ended[0])


def test_a_rate_limit_of_the_venue_fills_the_counter(make_client: MakeClient) -> None:
    with RawServer(_answers({"error": ["EAPI:Rate limit exceeded"]})) as server:
        client = make_client(server.url, clock=HandClock())
        with pytest.raises(RateLimited):
            client.query_private("Balance")
        assert client.read_delay() > 0


def test_an_unknown_tier_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"Gold.*Starter, Intermediate, Pro"):
        KrakenClient("", "", None, tier="Gold")  # type: ignore[arg-type]


# -- the rest --------------------------------------------------------------------------------------------------------


def test_a_public_call_needs_no_key_and_sends_none(kind: SessionKind) -> None:
    with RawServer(_answers({"error": [], "result": {"XXBTZUSD": {}}})) as server:
        client = KrakenClient("", "", None, url=server.url + "/", session=kind)
        assert client.query_public("Ticker", {"pair": "XBTUSD,ETHUSD"}) == {"XXBTZUSD": {}}
        assert client.query_public("Time") is not None
        first, second = server.arrived
    assert (first.method, first.path) == ("GET", "/0/public/Ticker?pair=XBTUSD%2CETHUSD")
    assert (second.method, second.path) == ("GET", "/0/public/Time")
    assert "api-key" not in first.headers
    assert first.headers["user-agent"].startswith("krakenex/")


def test_a_private_call_without_a_key_says_whose() -> None:
    with pytest.raises(SettingsError, match=ACCOUNT):
        KrakenClient("", "", None, account=ACCOUNT).query_private("Balance")


def test_warming_up_is_one_private_call_and_the_order_uses_its_connection(make_client: MakeClient) -> None:
    with RawServer(_ok) as server:
        client = make_client(server.url)
        client.warm()
        client.query_private("AddOrder", ORDER)
        assert [request.path for request in server.arrived] == ["/0/private/GetApiKeyInfo", "/0/private/AddOrder"]
        assert server.connections == 1


@pytest.mark.parametrize("secret", ["not base64!", "abc", "canary-secret-canary"])
def test_a_secret_that_is_none_is_refused_with_the_account_and_without_the_secret(secret: str) -> None:
    with pytest.raises(
        SettingsError, match=r"daivon_frazier:kraken: the KRAKEN API secret is not valid base64"
    ) as caught:
        KrakenClient(KEY, secret, FixedNonce(1), account=ACCOUNT)
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None


def test_blanks_around_key_and_secret_do_no_harm() -> None:
    with RawServer(_ok) as server:
        KrakenClient(f" {KEY}\n", f"{SECRET}\n", FixedNonce(1), url=server.url).query_private("Balance")
        assert server.arrived[0].headers["api-key"] == KEY


def test_neither_texts_nor_logs_show_a_secret(
    kind: SessionKind, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    texts: list[str] = []

    def echo(peer: Peer, request: Arrived) -> bool:
        return peer.answer((request.headers["api-key"] + request.headers["api-sign"]).encode(), "500 Oops")

    with RawServer(echo) as server, caplog.at_level(logging.INFO):
        client = make_client(server.url, session=kind)
        texts += [repr(client), str(client)]
        with pytest.raises(VenueUnclear) as caught:
            client.query_private("AddOrder", ORDER)
        texts += [str(caught.value), repr(caught.value), repr(caught.value.__cause__), caplog.text]
    for text in texts:
        assert KEY not in text
        assert SECRET not in text
        assert "canary" not in text.lower()
