from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from bot.brokers.failures import translate
from bot.brokers.transport import CurlSession, HttpSession, NotSent, SessionKind, make_session
from bot.domain.errors import VenueUnclear, VenueUnreachable
from tests.unit.brokers.conftest import Certificate
from tests.unit.brokers.raw_server import Arrived, Peer, RawServer, always

KINDS: tuple[SessionKind, ...] = ("curl", "requests")


@pytest.fixture
def session() -> Iterator[CurlSession]:
    with CurlSession(connect_timeout_s=2, total_timeout_s=5) as made:
        yield made


@pytest.fixture(params=KINDS)
def either(request: pytest.FixtureRequest) -> Iterator[HttpSession]:
    made = make_session(request.param, connect_timeout_s=2, total_timeout_s=5)
    yield made
    made.close()


def _misbehave_at(number: int, misbehave: Callable[[Peer], bool]) -> Callable[[Peer, Arrived], bool]:
    return lambda peer, request: misbehave(peer) if request.number == number else peer.answer()


def _failure(session: HttpSession, url: str, **options: object) -> requests.RequestException:
    with pytest.raises(requests.RequestException) as caught:
        session.post(url, data={"nonce": 1}, **options)
    return caught.value


# -- nothing is sent twice -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("misbehave", [Peer.close, Peer.reset], ids=["closes", "resets"])
def test_an_order_read_and_not_answered_on_a_kept_connection_is_never_sent_again(
    either: HttpSession, misbehave: Callable[[Peer], bool]
) -> None:
    with RawServer(_misbehave_at(2, misbehave)) as server:
        either.post(server.url, data={"nonce": 1})
        failure = _failure(either, server.url)
        assert isinstance(translate(failure), VenueUnclear)
        # Long enough for a second copy to arrive, had it been sent.
        time.sleep(0.1)
        assert len(server.arrived) == 2


@pytest.mark.parametrize("method", ["DELETE", "POST", "PUT"])
def test_a_change_without_a_body_is_never_sent_again_either(session: CurlSession, method: str) -> None:
    with RawServer(_misbehave_at(2, Peer.close)) as server:
        session.post(server.url, data={"nonce": 1})
        with pytest.raises(requests.ConnectionError) as caught:
            session.request(method, server.url)
        time.sleep(0.1)
        assert [request.method for request in server.arrived] == ["POST", method]
        assert caught.value.sent is True


@pytest.mark.parametrize("number", [1, 2], ids=["new connection", "kept connection"])
def test_a_large_order_is_not_sent_again_when_the_server_stops_reading(session: CurlSession, number: int) -> None:
    with RawServer(_misbehave_at(number, Peer.reset)) as server:
        for _ in range(number - 1):
            session.post(server.url, data={"nonce": 1})
        with pytest.raises(requests.ConnectionError):
            session.post(server.url, data=b"x" * 200_000)
        time.sleep(0.1)
        assert len(server.arrived) == number


@pytest.mark.parametrize("misbehave", [Peer.close, Peer.reset], ids=["closes", "resets"])
def test_after_the_server_closed_an_idle_connection_the_next_order_arrives_once_and_is_answered(
    either: HttpSession, misbehave: Callable[[Peer], bool]
) -> None:
    def answer_and_leave(peer: Peer, request: Arrived) -> bool:
        peer.answer(str(request.number).encode())
        return misbehave(peer) if request.number == 1 else True

    with RawServer(answer_and_leave) as server:
        either.post(server.url, data={"nonce": 1})
        time.sleep(0.1)
        answer = either.post(server.url, data={"nonce": 2})
        assert (answer.status_code, answer.content) == (200, b"2")
        assert server.bodies == [b"nonce=1", b"nonce=2"]


def test_after_the_server_closed_an_idle_tls_connection_the_next_order_arrives_once(certificate: Certificate) -> None:
    def answer_and_leave(peer: Peer, request: Arrived) -> bool:
        peer.answer()
        return peer.close() if request.number == 1 else True

    with (
        RawServer(answer_and_leave, tls=certificate.context) as server,
        CurlSession(ca_file=certificate.ca_file) as session,
    ):
        session.post(server.url, data={"nonce": 1})
        time.sleep(0.1)
        assert session.post(server.url, data={"nonce": 2}).ok
        assert server.bodies == [b"nonce=1", b"nonce=2"]


def test_a_connection_is_kept_from_order_to_order(either: HttpSession) -> None:
    with RawServer(always) as server:
        for nonce in range(5):
            either.post(server.url, data={"nonce": nonce})
        assert (server.connections, len(server.arrived)) == (1, 5)


def test_a_tls_connection_is_kept_from_order_to_order(certificate: Certificate) -> None:
    with (
        RawServer(always, tls=certificate.context) as server,
        CurlSession(ca_file=certificate.ca_file) as session,
    ):
        for nonce in range(5):
            session.post(server.url, data={"nonce": nonce})
        assert (server.connections, len(server.arrived)) == (1, 5)


def test_a_connection_idle_for_too_long_is_not_used_again() -> None:
    with RawServer(always) as server, CurlSession(max_idle_s=1) as session:
        session.post(server.url, data={"nonce": 1})
        time.sleep(2.1)
        session.post(server.url, data={"nonce": 2})
        assert (server.connections, len(server.arrived)) == (2, 2)


# -- what is known of a failure --------------------------------------------------------------------------------------


def test_a_refused_connection_is_known_not_to_be_sent(either: HttpSession) -> None:
    with RawServer(always) as server:
        url = server.url
    failure = _failure(either, url)
    assert isinstance(failure, requests.ConnectionError)
    assert isinstance(translate(failure), VenueUnreachable)


def test_an_unknown_host_is_known_not_to_be_sent(either: HttpSession) -> None:
    assert isinstance(translate(_failure(either, "http://no-such-host.invalid/")), VenueUnreachable)


def test_a_connection_refused_after_a_good_one_is_known_not_to_be_sent(session: CurlSession) -> None:
    with RawServer(lambda peer, request: peer.answer() and peer.close()) as server:
        session.post(server.url, data={"nonce": 1})
        url = server.url
    failure = _failure(session, url)
    assert failure.sent is False


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_nobody_vouches_for_is_refused_before_anything_is_sent(
    kind: SessionKind, certificate: Certificate
) -> None:
    with RawServer(always, tls=certificate.context) as server:
        failure = _failure(make_session(kind), server.url)
        assert isinstance(failure, requests.exceptions.SSLError)
        assert isinstance(translate(failure), VenueUnreachable)
        assert server.arrived == []


def test_a_server_that_never_ends_the_tls_handshake_got_nothing(certificate: Certificate) -> None:
    with (
        RawServer(always, tls=certificate.context, answers_handshakes=False) as server,
        CurlSession(ca_file=certificate.ca_file) as session,
    ):
        failure = _failure(session, server.url, timeout=(0.2, 3))
        assert isinstance(failure, requests.ConnectTimeout)
        assert failure.sent is False


def test_no_answer_within_the_total_time_out_is_unclear(either: HttpSession) -> None:
    answered = threading.Event()
    with RawServer(lambda peer, request: answered.wait(60)) as server:
        began = time.monotonic()
        failure = _failure(either, server.url, timeout=(1, 0.2))
        answered.set()
        assert time.monotonic() - began < 10
        assert isinstance(failure, requests.ReadTimeout)
        assert isinstance(translate(failure), VenueUnclear)


def test_no_answer_on_a_kept_connection_is_unclear(session: CurlSession) -> None:
    answered = threading.Event()
    with RawServer(lambda peer, request: peer.answer() if request.number == 1 else answered.wait(60)) as server:
        session.post(server.url, data={"nonce": 1})
        failure = _failure(session, server.url, timeout=0.2)
        answered.set()
        assert failure.sent is True


def test_an_answer_that_trickles_in_is_cut_off_at_the_total_time_out(session: CurlSession) -> None:
    stop = threading.Event()

    def trickle(peer: Peer, request: Arrived) -> bool:
        peer.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not stop.wait(0.05):
            peer.raw(b" ")
        return peer.close()

    with RawServer(trickle) as server:
        began = time.monotonic()
        failure = _failure(session, server.url, timeout=(1, 0.3))
        stop.set()
        assert time.monotonic() - began < 10
        assert failure.sent is True


@pytest.mark.parametrize(
    "misbehave",
    [
        pytest.param(Peer.close, id="empty reply"),
        pytest.param(Peer.reset, id="reset"),
        pytest.param(
            lambda peer: peer.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{") and peer.close(), id="partial body"
        ),
        pytest.param(lambda peer: peer.raw(b"SSH-2.0-OpenSSH_9.2\r\n") and peer.close(), id="not HTTP"),
        pytest.param(
            lambda peer: peer.answer(b"not gzip", headers="Content-Encoding: gzip\r\n"), id="wrong compression"
        ),
    ],
)
def test_a_broken_answer_is_unclear(session: CurlSession, misbehave: Callable[[Peer], bool]) -> None:
    with RawServer(lambda peer, request: misbehave(peer)) as server:
        failure = _failure(session, server.url)
        assert failure.sent is True
        assert isinstance(translate(failure), VenueUnclear)
        assert len(server.arrived) == 1


def test_the_session_goes_on_after_a_failure(session: CurlSession) -> None:
    with RawServer(_misbehave_at(1, Peer.reset)) as server:
        _failure(session, server.url)
        assert session.post(server.url, data={"nonce": 2}).ok


# -- what is sent ----------------------------------------------------------------------------------------------------


def test_a_form_arrives_as_requests_would_send_it(either: HttpSession) -> None:
    with RawServer(always) as server:
        either.headers.update({"User-Agent": "bot/1", "X-Both": "session"})
        either.post(
            server.url + "/0/private/AddOrder",
            data={"nonce": 1, "close[price]": "5 %", "pair": "BTC/USD"},
            headers={"API-Key": "k", "X-Both": "call"},
        )
        [request] = server.arrived
    assert (request.method, request.path) == ("POST", "/0/private/AddOrder")
    assert request.body == b"nonce=1&close%5Bprice%5D=5+%25&pair=BTC%2FUSD"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["user-agent"] == "bot/1"
    assert request.headers["api-key"] == "k"
    assert request.headers["x-both"] == "call"
    assert "expect" not in request.headers


def test_json_parameters_and_all_methods_arrive_one_after_the_other(either: HttpSession) -> None:
    with RawServer(always) as server:
        either.request("GET", server.url + "/a?x=1", params={"y": "2", "z": None})
        either.request("POST", server.url + "/b", json={"size": "1"})
        either.request("PUT", server.url + "/c", json={"size": "2"})
        either.request("DELETE", server.url + "/d")
        either.request("DELETE", server.url + "/e", json=["id"])
        either.request("PATCH", server.url + "/f", data="text")
        either.request("GET", server.url + "/g", allow_redirects=True)
        seen = [(request.method, request.path, request.body) for request in server.arrived]
        types = [request.headers.get("content-type") for request in server.arrived]
    assert seen == [
        ("GET", "/a?x=1&y=2", b""),
        ("POST", "/b", b'{"size": "1"}'),
        ("PUT", "/c", b'{"size": "2"}'),
        ("DELETE", "/d", b""),
        ("DELETE", "/e", b'["id"]'),
        ("PATCH", "/f", b"text"),
        ("GET", "/g", b""),
    ]
    assert types == [None, "application/json", "application/json", None, "application/json", None, None]


def test_a_head_request_has_no_body_and_the_next_get_has_one(session: CurlSession) -> None:
    with RawServer(lambda peer, request: peer.answer(b"" if request.method == "HEAD" else b"whole")) as server:
        assert session.request("HEAD", server.url).content == b""
        assert session.get(server.url).content == b"whole"


def test_a_large_body_arrives_whole_and_unannounced(session: CurlSession) -> None:
    body = bytes(range(256)) * 8192
    with RawServer(always) as server:
        session.post(server.url, data=body)
        [request] = server.arrived
    assert request.body == body
    assert "expect" not in request.headers


def test_a_header_with_a_line_break_is_refused(either: HttpSession) -> None:
    with RawServer(always) as server:
        with pytest.raises(requests.exceptions.InvalidHeader) as caught:
            either.get(server.url, headers={"X-Name": "a\r\nX-Evil: b"})
        assert isinstance(translate(caught.value), VenueUnreachable)
        assert server.arrived == []


def test_a_header_set_to_none_is_left_out(session: CurlSession) -> None:
    with RawServer(always) as server:
        session.headers["X-Name"] = "a"
        session.get(server.url, headers={"x-name": None})
        assert "x-name" not in server.arrived[0].headers


def test_redirects_are_not_followed(either: HttpSession) -> None:
    with RawServer(lambda peer, _: peer.answer(b"", "307 Temporary Redirect", "Location: /elsewhere\r\n")) as server:
        answer = either.post(server.url, data={"nonce": 1})
        assert answer.status_code == 307
        assert len(server.arrived) == 1


def test_proxies_of_the_environment_are_used_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(always) as server, RawServer(always) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        for kind in KINDS:
            make_session(kind).post(server.url, data={"nonce": 1})
        assert (len(server.arrived), len(proxy.arrived)) == (2, 0)
        make_session("curl", trust_env=True).post(server.url, data={"nonce": 1})
        assert (len(server.arrived), len(proxy.arrived)) == (2, 1)


def test_one_session_serves_many_threads_one_after_the_other(session: CurlSession) -> None:
    def answer(peer: Peer, request: Arrived) -> bool:
        return peer.answer(request.body)

    wrong: list[bytes] = []

    def post(thread: int) -> None:
        for turn in range(25):
            body = f"{thread}/{turn}".encode()
            if session.post(server.url, data=body).content != body:
                wrong.append(body)

    with RawServer(answer) as server:
        threads = [threading.Thread(target=post, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert (server.connections, len(server.arrived)) == (1, 200)


def test_a_closed_session_opens_a_new_connection(session: CurlSession) -> None:
    with RawServer(always) as server:
        session.post(server.url, data={"nonce": 1})
        session.close()
        session.post(server.url, data={"nonce": 2})
        assert server.connections == 2


# -- what comes back -------------------------------------------------------------------------------------------------


def test_an_answer_has_the_members_that_sdks_use(either: HttpSession) -> None:
    body = json.dumps({"price": 0.1, "name": "käse"}).encode()
    with RawServer(lambda peer, _: peer.answer(body, "201 Created", "X-Request-ID: 7\r\n")) as server:
        answer = either.get(server.url + "/orders")
    assert (answer.status_code, answer.ok, answer.reason) == (201, True, "Created")
    assert answer.url == server.url + "/orders"
    assert answer.headers["x-request-id"] == "7"
    assert answer.json(parse_float=str) == {"price": "0.1", "name": "käse"}
    assert answer.text == body.decode()
    answer.raise_for_status()


def test_a_compressed_answer_is_unpacked(session: CurlSession) -> None:
    packed = gzip.compress(b'{"a": 1}')
    with RawServer(lambda peer, _: peer.answer(packed, headers="Content-Encoding: gzip\r\n")) as server:
        assert session.get(server.url).json() == {"a": 1}


def test_the_headers_of_an_interim_answer_are_left_out(session: CurlSession) -> None:
    def early(peer: Peer, request: Arrived) -> bool:
        peer.raw(b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n")
        return peer.answer(headers="X-Late: 1\r\n")

    with RawServer(early) as server:
        answer = session.get(server.url)
    assert answer.status_code == 200
    assert "x-late" in answer.headers
    assert "x-early" not in answer.headers


@pytest.mark.parametrize("status", ["404 Not Found", "502 Bad Gateway"])
def test_a_bad_status_raises_when_asked_and_carries_the_answer(either: HttpSession, status: str) -> None:
    with RawServer(lambda peer, _: peer.answer(b"<html>", status)) as server:
        answer = either.get(server.url)
    with pytest.raises(requests.HTTPError) as caught:
        answer.raise_for_status()
    assert caught.value.response.status_code == int(status[:3])
    assert caught.value.response.text == "<html>"
    assert not answer.ok


@pytest.mark.parametrize("body", [b"<html>", b"", b"\xff\xfe{"])
def test_an_answer_that_is_not_json_says_so(either: HttpSession, body: bytes) -> None:
    with RawServer(lambda peer, _: peer.answer(body)) as server:
        answer = either.get(server.url)
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_a_time_out_of_nones_means_the_defaults_of_the_session() -> None:
    stop = threading.Event()
    with (
        RawServer(lambda peer, request: stop.wait(60)) as server,
        CurlSession(connect_timeout_s=1, total_timeout_s=0.2) as session,
    ):
        began = time.monotonic()
        _failure(session, server.url, timeout=(None, None))
        stop.set()
        assert time.monotonic() - began < 10


def test_when_a_server_is_gone_for_good_every_try_is_known_not_to_have_been_sent() -> None:
    with CurlSession() as session:
        with RawServer(always) as server:
            assert session.post(f"{server.url}/1", data="a=1").ok
        for _ in range(3):
            # The kept connection must not come back after a try that found it closed.
            with pytest.raises(NotSent):
                session.post(f"{server.url}/2", data="a=1")
