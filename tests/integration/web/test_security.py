"""Who is let in, and what every answer carries."""

from __future__ import annotations

import contextlib
import socket
import stat
import threading
import time
from typing import Any

import pytest
import requests

from bot.domain.events import EventKind
from bot.web.sessions import IDLE_S
from tests.integration.web.conftest import MakeStand
from tests.integration.web.stand import PASSWORD, TOKEN, Client, Stand, eventually

_CHANGES = {"post", "put", "patch", "delete"}


def _operations(client: Client) -> list[tuple[str, str]]:
    document = client.get("/api/openapi.json").json()
    return [
        (method.upper(), path.replace("{signal_id}", "x").replace("{number}", "1"))
        for path, methods in document["paths"].items()
        for method in methods
    ]


def test_nothing_of_the_document_is_open_without_login(stand: Stand, client: Client) -> None:
    open_to_all = {("GET", "/healthz"), ("HEAD", "/healthz"), ("POST", "/api/login")}
    operations = _operations(client)
    assert len(operations) > 15
    stranger = stand.client()

    for method, path in operations:
        if (method, path) not in open_to_all:
            answer = stranger.request(method, path, json={} if method == "POST" else None)
            assert answer.status_code == 401, (method, path)


@pytest.mark.parametrize(
    "path", ["/api/unheard-of", "/openapi.json", "/docs", "/redoc", "/.git/config", "/api/../api/state"]
)
def test_what_is_not_there_is_no_more_open(shared: Stand, shared_client: Client, path: str) -> None:
    assert shared.client().get(path).status_code == 401
    assert shared_client.get(path).status_code in (404, 200 if path.endswith("state") else 404)


def test_the_page_itself_sends_strangers_to_the_login(stand: Stand) -> None:
    answer = stand.client().get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert stand.logged_in().get("/login").status_code == 303


def test_folders_are_not_listed_and_not_left(stand: Stand) -> None:
    for path in ("/static/", "/static", "/static/../server.py", "/static/%2e%2e/server.py", "/static/..%2fserver.py"):
        assert _raw(stand, f"GET {path} HTTP/1.1\r\nHost: {stand.host}\r\n\r\n").split()[1] in (b"401", b"404"), path


def test_a_wrong_password_is_refused_and_told(stand: Stand) -> None:
    answer = stand.client().login("not the password at all")

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    events = [event.text for event in stand.told if event.kind is EventKind.LOGIN]
    assert events == ["a wrong password was given to the page from 127.0.0.1"]


def test_the_cookie_is_for_this_page_only(stand: Stand) -> None:
    cookie = stand.client().login().headers["set-cookie"]

    assert cookie.startswith(f"nija_{stand.page.port}=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_behind_something_that_ends_tls_the_cookie_is_bound_to_it(stand: Stand) -> None:
    client = stand.client()

    cookie = client.login(headers={"Origin": f"https://{stand.host}"}).headers["set-cookie"]

    assert cookie.startswith("__Host-nija=")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    token = cookie.partition(";")[0]
    assert stand.client().get("/api/session", headers={"Cookie": token}).status_code == 200


def test_logout_ends_the_session_whatever_the_browser_keeps(stand: Stand, client: Client) -> None:
    token = dict(client.cookies)

    assert client.post("/api/logout").status_code == 204

    answer = stand.client().get("/api/session", cookies=token)
    assert answer.status_code == 401


def test_sessions_end_when_idle_and_at_last_in_any_case(stand: Stand, client: Client) -> None:
    stand.clock.ahead_s += 29 * 60
    assert client.get("/api/session").status_code == 200
    stand.clock.ahead_s += 31 * 60
    assert client.get("/api/session").status_code == 401

    assert client.login().status_code == 204
    for _ in range(24):
        stand.clock.ahead_s += 29.9 * 60
        assert client.get("/api/session").status_code == 200
    stand.clock.ahead_s += 5 * 60
    assert client.get("/api/session").status_code == 401


def test_a_new_password_ends_every_session(stand: Stand, client: Client) -> None:
    assert client.get("/api/session").status_code == 200

    stand.passwords.__class__(stand.folder).set("another one, set by another process")

    assert client.get("/api/session").status_code == 401
    assert stand.client().login(PASSWORD).status_code == 401
    assert stand.client().login("another one, set by another process").status_code == 204


def test_login_gives_a_new_token_and_ends_the_one_before(stand: Stand, client: Client) -> None:
    before = dict(client.cookies)

    client.login()

    assert dict(client.cookies) != before
    assert stand.client().get("/api/session", cookies=before).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X-NIJA": None}, id="no header"),
        pytest.param({"Origin": None}, id="no origin"),
        pytest.param({"Origin": "https://evil.example"}, id="other origin"),
        pytest.param({"Origin": "null"}, id="null origin"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="cross-site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, id="same-site"),
        pytest.param({"Origin": None, "Sec-Fetch-Site": "none"}, id="typed by hand"),
    ],
)
def test_other_sites_change_nothing(shared: Stand, shared_client: Client, headers: dict[str, Any]) -> None:
    body = {"kind": "kill", "payload": {}, "confirm": True}

    answer = shared_client.post("/api/commands", json=body, headers=headers)

    assert answer.status_code == 403
    assert shared.ledger.take_command() is None
    assert shared_client.post("/api/logout", headers=headers).status_code == 403
    assert shared.client().login(headers=headers).status_code == 403


def test_a_browser_that_names_the_site_only_is_the_page(stand: Stand, client: Client) -> None:
    answer = client.post("/api/logout", headers={"Origin": None, "Sec-Fetch-Site": "same-origin"})

    assert answer.status_code == 204


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "127.0.0.1@evil.example"])
def test_a_page_under_another_name_reads_nothing(shared_client: Client, host: str) -> None:
    for path in ("/api/state", "/login", "/metrics"):
        assert shared_client.get(path, headers={"Host": host}).status_code == 400
    assert shared_client.get("/healthz", headers={"Host": host}).status_code == 200


def test_the_allowed_names_are_answered_with_and_without_a_port(make_stand: MakeStand) -> None:
    stand = make_stand(variables={"WEB_ALLOWED_HOSTS": "bot.example.com, other.example"}).start()
    client = stand.logged_in()
    cookie = f"nija_{stand.page.port}={client.cookies[f'nija_{stand.page.port}']}"

    for host in ("localhost", f"localhost:{stand.page.port}", "[::1]:99", "bot.example.com", "BOT.example.com:443"):
        answer = client.get("/api/state", headers={"Host": host, "Cookie": cookie})
        assert answer.status_code == 200, host


def test_every_answer_forbids_what_the_page_does_not_need(stand: Stand, client: Client) -> None:
    for path in ("/login", "/api/state", "/api/unheard-of", "/healthz", "/"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in headers
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


def test_guessing_is_slowed_down_and_told_once_a_pause(stand: Stand) -> None:
    client = stand.client()
    answers = [client.login(f"guess number {number}") for number in range(6)]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 2
    serious = [event for event in stand.told if event.serious]
    assert len(serious) == 1
    # Nobody is kept out for good: the pause is over, and the right password is taken.
    stand.clock.ahead_s += 2.0
    assert client.login().status_code == 204


def test_large_and_slow_requests_are_refused(stand: Stand, client: Client) -> None:
    # By hand: what is still being sent when the answer comes may reset the connection before the answer is read.
    post = f"POST /api/login HTTP/1.1\r\nHost: {stand.host}\r\nOrigin: {client.stand.url}\r\nX-NIJA: 1\r\n"
    assert _raw(stand, f"{post}Content-Length: 20000\r\n\r\n").split()[1] == b"413"
    chunked = f"{post}Transfer-Encoding: chunked\r\n\r\n{17_000:x}\r\n{'x' * 17_000}\r\n"
    assert _raw(stand, chunked).split()[1] == b"413"
    head = f"GET /healthz HTTP/1.1\r\nHost: {stand.host}\r\nX-Long: {'x' * 300_000}\r\n\r\n"
    assert _raw(stand, head).split()[1] == b"400"


def test_whoever_does_not_finish_a_request_is_hung_up_on(
    make_stand: MakeStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.web.protocol.HEAD_WITHIN_S", 0.3)
    stand = make_stand().start()
    with socket.create_connection(("127.0.0.1", stand.page.port), 5) as dawdler:
        dawdler.sendall(b"GET /healthz HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert dawdler.recv(100) == b""


def test_metrics_need_a_session_or_the_token(stand: Stand, client: Client) -> None:
    assert client.get("/metrics").text == "nija_copies_total 3\n"
    stranger = stand.client()
    assert stranger.get("/metrics").status_code == 401
    assert stranger.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    answer = stranger.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/plain")
    assert stranger.get("/api/state", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 401


def test_the_password_and_the_token_are_in_no_answer_and_no_event(stand: Stand, client: Client) -> None:
    answer = client.post("/api/login", json={"password": PASSWORD, "more": 1})
    assert answer.status_code == 422
    assert PASSWORD not in answer.text
    assert not any(PASSWORD in event.text + event.detail for event in stand.told)
    assert TOKEN not in repr(stand.parts())


def test_a_spoilt_password_file_lets_nobody_in(stand: Stand, client: Client) -> None:
    (stand.folder / "web.json").chmod(0o644)

    assert client.get("/api/state").status_code == 503
    assert client.get("/healthz").status_code == 200


def test_the_first_password_is_shown_once_and_goes_with_the_first_login(
    make_stand: MakeStand, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    stand = make_stand()
    stand.page.start()
    eventually(lambda: stand.page.alive)

    left = stand.folder / "web-first-password"
    password = left.read_text().strip()
    assert len(password) >= 20
    assert stat.S_IMODE(left.stat().st_mode) == stat.S_IMODE((stand.folder / "web.json").stat().st_mode) == 0o600
    assert str(left) in caplog.text
    assert password not in caplog.text + capsys.readouterr().err
    assert password not in (stand.folder / "web.json").read_text()

    assert stand.client().login(password).status_code == 204
    assert not left.exists()


def test_with_tls_the_cookie_is_secure_and_plain_names_are_not_taken(make_stand: MakeStand, certificate: Any) -> None:
    variables = {"WEB_TLS_CERTIFICATE": str(certificate[0]), "WEB_TLS_KEY": str(certificate[1])}
    stand = make_stand(variables=variables).start()
    client = stand.client()
    client.verify = str(certificate[0])

    answer = client.login()

    assert answer.headers["set-cookie"].startswith("__Host-nija=")
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]
    token = answer.headers["set-cookie"].partition(";")[0].partition("=")[2]
    named = {"Cookie": f"__Host-nija={token}"}
    assert requests.get(f"{stand.url}/api/state", headers=named, verify=client.verify, timeout=30).status_code == 200
    plain = {"Cookie": f"nija_{stand.page.port}={token}"}
    assert requests.get(f"{stand.url}/api/state", headers=plain, verify=client.verify, timeout=30).status_code == 401


def test_many_who_try_at_once_get_no_more_tries(stand: Stand) -> None:
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda: codes.append(stand.client().login("guessed at the same time").status_code))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert codes.count(401) == 3
    assert codes.count(429) == 9


def _raw(stand: Stand, request: str) -> bytes:
    with socket.create_connection(("127.0.0.1", stand.page.port), 5) as connection:
        connection.sendall(request.encode())
        deadline, answer = time.monotonic() + 30, b""
        while b"\r\n" not in answer and time.monotonic() < deadline:
            answer += connection.recv(1000)
        return answer


def test_cookies_of_other_programs_on_this_host_are_not_in_the_way(stand: Stand, client: Client) -> None:
    name = f"nija_{stand.page.port}"
    given = f'prefs={{"a":1}}; odd; two words={{}}; {name}={client.cookies[name]}'

    assert stand.client().get("/api/session", headers={"Cookie": given}).status_code == 200


def test_what_a_timer_of_the_page_asks_is_no_use(stand: Stand, client: Client) -> None:
    stand.clock.ahead_s += IDLE_S - 5
    assert client.get("/api/audit", headers={"X-NIJA-Unattended": "1"}).status_code == 200

    stand.clock.ahead_s += 10
    assert client.get("/api/session").status_code == 401


@pytest.mark.parametrize("is_tls", [False, True], ids=["http", "https"])
def test_silent_connections_do_not_take_the_bots_file_descriptors(
    make_stand: MakeStand, certificate: Any, is_tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.web.protocol.HEAD_WITHIN_S", 300.0)
    variables = {"WEB_TLS_CERTIFICATE": str(certificate[0]), "WEB_TLS_KEY": str(certificate[1])} if is_tls else {}
    stand = make_stand(variables=variables).start()

    with contextlib.ExitStack() as open_ones:
        silent = [
            open_ones.enter_context(socket.create_connection(("127.0.0.1", stand.page.port), 30)) for _ in range(300)
        ]
        for one in silent[-100:]:
            # Hung up on; who was let in is waited for.
            with contextlib.suppress(ConnectionResetError):
                assert one.recv(1) == b""
