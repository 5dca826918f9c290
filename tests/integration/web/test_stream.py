"""The stream of events, and the beginning and end of the page."""

from __future__ import annotations

import logging
import socket
import threading
import time
from decimal import Decimal

import pytest
import requests

from bot.domain.enums import OrderState
from bot.domain.events import EventKind
from bot.domain.orders import Refused
from bot.web.server import WebServer
from tests.integration.web.conftest import MakeStand
from tests.integration.web.stand import MASTER, SECRET, Client, Stand, account_state, eventually
from tests.unit.ledger.builders import copies_for, copy_of, signal_of, users


def test_a_listener_first_hears_how_it_is(stand: Stand, client: Client) -> None:
    events = iter(client.listen())

    assert [next(events)[0] for _ in range(3)] == ["hello", "state", "accounts"]


def test_a_later_listener_hears_the_same_at_once(stand: Stand, client: Client) -> None:
    first = client.listen()
    first.next("accounts")

    later = stand.logged_in().listen()

    names = [name for name, _ in zip((name for name, _ in later), range(3), strict=False)]
    assert names == ["hello", "state", "accounts"]


def test_new_signals_and_moved_copies_are_told(stand: Stand, client: Client) -> None:
    stream = client.listen()
    stream.next("accounts")
    signal = signal_of("O7")

    stand.ledger.record_plan(signal, copies_for(signal, users(2)))
    assert stream.next("signal")["copies"]["open"] == 2

    another = signal_of("O8")
    refused = copy_of(another, users(1)[0], OrderState.SKIPPED, Refused("too small", f"not for {SECRET}"))
    stand.ledger.record_plan(another, [refused])
    told = stream.next("signal")
    assert (told["signal_id"], told["copies"]["skipped"]) == (another.signal_id, 1)


def test_a_change_of_state_is_told_within_moments(stand: Stand, client: Client) -> None:
    stream = client.listen()
    stream.next("accounts")

    stand.live.set(stopped="too hot")
    began = time.monotonic()
    assert stream.next("state")["stopped_reason"] == "too hot"
    assert time.monotonic() - began < 10

    stand.live.set(accounts=(account_state(MASTER, equity=Decimal(7)),))
    assert stream.next("accounts")["accounts"][0]["equity"] == "7"


def test_operator_events_are_told_masked_and_at_once(stand: Stand, client: Client) -> None:
    stream = client.listen()
    stream.next("accounts")

    stand.events.tell(EventKind.ACCOUNT_LOST, f"lost, the key is {SECRET}", account=users(1)[0], serious=True)

    told = stream.next("event")
    assert (told["kind"], told["account"], told["serious"]) == ("account_lost", "user_000:kraken", True)
    assert told["text"] == "lost, the key is [redacted]"


def test_nobody_looks_while_nobody_listens(stand: Stand, client: Client) -> None:
    stream = client.listen()
    stream.next("accounts")
    stream.response.close()

    eventually(lambda: stand.page.listeners == 0)
    time.sleep(1.5)
    before = stand.live.asked
    time.sleep(2.0)
    assert stand.live.asked == before


def test_logging_out_ends_the_stream(stand: Stand, client: Client) -> None:
    stream = client.listen()
    stream.next("accounts")

    client.post("/api/logout")

    assert all(name != "nothing" for name, _ in stream)
    assert stand.page.listeners == 0


def test_only_so_many_may_listen(stand: Stand, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.web.feed.MOST_LISTENERS", 1)
    only = client.listen()
    only.next("accounts")

    assert client.get("/api/events", stream=True).status_code == 503
    assert stand.page.listeners == 1


def test_who_does_not_read_is_dropped_and_delays_nobody(make_stand: MakeStand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.web.protocol.READ_WITHIN_S", 0.5)
    stand = make_stand().start()
    client = stand.logged_in()
    good = client.listen()
    good.next("accounts")
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    with socket.socket() as sleeper:
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sleeper.connect(("127.0.0.1", stand.page.port))
        sleeper.sendall(f"GET /api/events HTTP/1.1\r\nHost: {stand.host}\r\nCookie: {cookie}\r\n\r\n".encode())
        eventually(lambda: stand.page.listeners == 2)

        heard = threading.Event()
        threading.Thread(target=lambda: [heard.set() for name, _ in good if name == "event"], daemon=True).start()
        deadline = time.monotonic() + 30
        while stand.page.listeners == 2 and time.monotonic() < deadline:
            stand.events.tell(EventKind.DRIFT, "x " * 50_000)
            time.sleep(0.02)

        assert stand.page.listeners == 1
        assert heard.wait(30)
        assert requests.get(f"{stand.url}/healthz", timeout=30).status_code == 200


def test_the_page_ends_at_once_while_streams_are_open(make_stand: MakeStand, monkeypatch: pytest.MonkeyPatch) -> None:
    # Streams end by themselves: what is cut off otherwise is waited for, for so long.
    monkeypatch.setattr("bot.web.server._END_WITHIN_S", 60)
    stand = make_stand().start()
    streams = [stand.logged_in().listen() for _ in range(2)]
    for stream in streams:
        stream.next("accounts")

    began = time.monotonic()
    assert stand.stop()

    assert time.monotonic() - began < 20
    for stream in streams:
        assert all(name for name, _ in stream)


def test_a_port_in_use_is_one_line_and_the_page_comes_when_it_is_free(
    make_stand: MakeStand, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.web.server._BIND_AGAIN_S", 0.1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stand = make_stand(variables={"WEB_PORT": str(port)})
        stand.page.start()
        time.sleep(0.5)
        lines = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert len(lines) == 1
        assert f"port {port}" in lines[0].getMessage()
        assert "WEB_PORT" in lines[0].getMessage()
        assert stand.page.alive
    eventually(lambda: requests_ok(stand))


def requests_ok(stand: Stand) -> bool:
    try:
        return requests.get(f"{stand.url}/healthz", timeout=1).status_code == 200
    except requests.ConnectionError:
        return False


def test_a_page_that_never_got_its_port_ends_like_any_other(make_stand: MakeStand) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        stand = make_stand(variables={"WEB_PORT": str(taken.getsockname()[1])})
        stand.page.start()
        assert stand.stop()


def test_it_can_be_stopped_before_it_was_started_and_at_once_after(make_stand: MakeStand) -> None:
    assert make_stand().stop()
    stand = make_stand()
    stand.page.start()
    assert stand.stop()


def test_a_page_that_died_is_started_again_by_the_supervisor(
    make_stand: MakeStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = WebServer._serve
    monkeypatch.setattr(WebServer, "_serve", lambda *_: (_ for _ in ()).throw(OSError("broken")))
    monkeypatch.setattr("bot.web.server._BIND_AGAIN_S", 0.05)
    stand = make_stand()
    stand.page.start()
    eventually(lambda: stand.page.died)
    monkeypatch.setattr(WebServer, "_serve", serve)

    assert stand.page.revive()

    eventually(lambda: requests_ok(stand))
