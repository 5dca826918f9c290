"""The small parts: sessions, attempts, passwords, address, health, figures that are kept."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.errors import SettingsError
from bot.reporting.health import HEARTBEAT_LIMIT_S, reason_not_healthy
from bot.reporting.live import EngineState, SystemState
from bot.settings.env import Environment
from bot.web.address import page_address
from bot.web.attempts import LoginLimiter
from bot.web.kept import Kept
from bot.web.passwords import PasswordStore, new_password, why_not_usable
from bot.web.sessions import IDLE_S, LONGEST_S, Sessions
from bot.web.text import as_text
from tests.unit.ledger.builders import SetClock

WELL = SystemState(0.0, EngineState(alive=True, observing=False, heartbeat_age_s=1.0, waiting=0), None, "", {}, ())


# -- health ----------------------------------------------------------------------------------------------------------


def test_a_working_bot_is_healthy_even_when_it_may_not_trade() -> None:
    assert reason_not_healthy(WELL) == ""
    assert reason_not_healthy(replace(WELL, stopped="kill switch")) == ""


@pytest.mark.parametrize(
    ("state", "word"),
    [
        pytest.param(replace(WELL, engine=replace(WELL.engine, alive=False)), "does not run", id="dead"),
        pytest.param(
            replace(WELL, engine=replace(WELL.engine, heartbeat_age_s=HEARTBEAT_LIMIT_S + 0.1)), "heartbeat", id="stuck"
        ),
        pytest.param(replace(WELL, ledger_error="disk /secret/path full"), "ledger", id="ledger"),
    ],
)
def test_what_is_wrong_is_told_without_particulars(state: SystemState, word: str) -> None:
    assert word in reason_not_healthy(state)
    assert "/secret" not in reason_not_healthy(state)


# -- sessions --------------------------------------------------------------------------------------------------------


def test_a_session_lasts_while_it_is_used_but_not_for_ever() -> None:
    clock = SetClock()
    sessions = Sessions(clock, lambda: 1)
    token = sessions.begin()

    clock.now += IDLE_S - 1
    assert sessions.is_valid(token, use=True)
    clock.now += IDLE_S - 1
    assert sessions.is_valid(token)
    clock.now += 2
    assert not sessions.is_valid(token)

    token = sessions.begin()
    for _ in range(int(LONGEST_S / (IDLE_S - 1)) + 1):
        clock.now += IDLE_S - 1
        last = sessions.is_valid(token, use=True)
    assert not last


def test_a_look_that_is_no_use_does_not_lengthen_the_session() -> None:
    clock = SetClock()
    sessions = Sessions(clock, lambda: 1)
    token = sessions.begin()

    clock.now += IDLE_S - 1
    assert sessions.expires_at(token) == pytest.approx(clock.now + 1)


def test_tokens_are_long_different_and_not_kept() -> None:
    sessions = Sessions(SetClock(), lambda: 1)
    tokens = {sessions.begin() for _ in range(20)}

    assert len(tokens) == 20
    assert all(len(token) >= 43 for token in tokens)
    assert not any(token in repr(vars(sessions)) for token in tokens)


def test_another_password_ends_all_sessions_and_too_many_end_the_oldest() -> None:
    generation = [1]
    clock = SetClock()
    sessions = Sessions(clock, lambda: generation[0])
    first = sessions.begin()
    for _ in range(50):
        clock.now += 1
        latest = sessions.begin()
    assert not sessions.is_valid(first)
    assert sessions.is_valid(latest)
    generation[0] = 2
    assert not sessions.is_valid(latest)
    last = sessions.begin()
    sessions.end_all()
    assert not sessions.is_valid(last)


# -- attempts --------------------------------------------------------------------------------------------------------


def test_pauses_grow_up_to_five_minutes_and_are_never_for_good() -> None:
    clock = SetClock()
    limiter = LoginLimiter(clock)
    pauses = []
    for _ in range(14):
        assert limiter.admit("192.0.2.1") == 0
        pauses.append(round(limiter.admit("192.0.2.1")))
        clock.now += pauses[-1] + 0.01

    # The second of each pair is one more try where there is no pause yet.
    assert pauses[:6] == [0, 1, 2, 4, 8, 16]
    assert pauses[-1] == 300


def test_trying_during_a_pause_does_not_lengthen_it() -> None:
    clock = SetClock()
    limiter = LoginLimiter(clock)
    for _ in range(3):
        limiter.admit("192.0.2.1")
    first = limiter.admit("192.0.2.1")
    for _ in range(100):
        limiter.admit("192.0.2.1")

    assert limiter.admit("192.0.2.1") == first
    assert limiter.turned_away("192.0.2.1") == 102


def test_many_addresses_share_one_limit_but_the_owner_is_not_held_up() -> None:
    clock = SetClock()
    limiter = LoginLimiter(clock)
    assert limiter.admit("198.51.100.7") == 0
    limiter.succeeded("198.51.100.7")

    for number in range(30):
        if not limiter.admit(f"192.0.2.{number}"):
            continue
        break

    assert limiter.admit("203.0.113.1") > 0
    assert limiter.admit("198.51.100.7") == 0


def test_addresses_of_one_ipv6_network_are_one() -> None:
    limiter = LoginLimiter(SetClock())
    for number in range(3):
        assert limiter.admit(f"2001:db8::{number}") == 0
    assert limiter.admit("2001:db8::ffff") > 0
    assert limiter.admit("2001:db8:0:1::1") == 0


def test_wrong_ones_are_forgotten_after_an_hour() -> None:
    clock = SetClock()
    limiter = LoginLimiter(clock)
    for _ in range(3):
        limiter.admit("192.0.2.1")
    clock.now += 3601
    assert limiter.admit("192.0.2.1") == 0
    assert limiter.admit("192.0.2.1") == 0


# -- passwords -------------------------------------------------------------------------------------------------------


def test_the_first_password_is_made_once_and_kept_as_argon2id(tmp_path: Path) -> None:
    store = PasswordStore(tmp_path)
    password = store.prepare()

    assert password is not None
    assert len(password) >= 20
    assert store.prepare() is None
    kept = json.loads((tmp_path / "web.json").read_text())["password_hash"]
    assert kept.startswith("$argon2id$v=19$m=32768,t=3,p=1$")
    assert stat.S_IMODE((tmp_path / "web.json").stat().st_mode) == 0o600
    assert store.is_right(password)
    assert not store.is_right(password + " ")


def test_a_password_of_another_process_is_taken_at_once(tmp_path: Path) -> None:
    store = PasswordStore(tmp_path)
    store.prepare()
    before = store.generation

    PasswordStore(tmp_path).set("set by the command line")

    assert store.generation != before
    assert store.is_right("set by the command line")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"password_hash": "no hash"}'])
def test_a_spoilt_file_is_one_line_with_the_mend(tmp_path: Path, content: str) -> None:
    file = tmp_path / "web.json"
    file.write_text(content)
    file.chmod(0o600)

    with pytest.raises(SettingsError, match=r"python bot\.py web password"):
        PasswordStore(tmp_path).is_right("whatever it is, it is wrong")


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    store = PasswordStore(tmp_path)
    store.prepare()
    (tmp_path / "web.json").chmod(0o640)

    with pytest.raises(SettingsError, match="chmod 600"):
        PasswordStore(tmp_path).prepare()


def test_a_failed_write_leaves_the_password_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PasswordStore(tmp_path)
    password = store.prepare()
    assert password is not None

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SettingsError, match="No space left"):
        store.set("another one that is long")

    assert store.is_right(password)
    assert [path.name for path in tmp_path.iterdir()] == ["web.json"]


def test_short_and_dull_passwords_are_refused() -> None:
    assert "at least 15" in why_not_usable("x" * 14)
    assert "different" in why_not_usable("a" * 40)
    assert "at most" in why_not_usable("abc de" * 400)
    assert why_not_usable(new_password()) == ""
    assert why_not_usable("four words of some length") == ""


# -- address ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.4", "bot.example.com", ""])
def test_a_page_that_others_reach_needs_tls(host: str) -> None:
    with pytest.raises(SettingsError, match=r"WEB_HOST.*WEB_TLS_CERTIFICATE and WEB_TLS_KEY"):
        page_address(Environment(web_host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1", "[::1]"])
def test_a_page_of_this_machine_needs_none(host: str) -> None:
    address = page_address(Environment(web_host=host))

    assert not address.tls
    assert {"127.0.0.1", "localhost", "::1"} <= address.names


def test_half_of_tls_a_wrong_certificate_and_a_short_token_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="go together"):
        page_address(Environment(web_tls_key=tmp_path / "key.pem"))
    (tmp_path / "both.pem").write_text("no certificate")
    wrong = Environment(web_tls_certificate=tmp_path / "both.pem", web_tls_key=tmp_path / "both.pem")
    with pytest.raises(SettingsError, match="WEB_TLS_CERTIFICATE"):
        page_address(wrong)
    with pytest.raises(SettingsError, match="METRICS_TOKEN"):
        page_address(Environment(metrics_token="short"))


# -- text and figures ------------------------------------------------------------------------------------------------


def test_masking_leaves_json_whole() -> None:
    text = as_text({"a": ["12", {"12": 1.5}], "b": 12}, lambda text: text.replace("12", '"'))

    assert json.loads(text) == {"a": ['"', {'"': 1.5}], "b": 12}


def test_what_takes_long_is_not_counted_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("bot.web.kept.time.monotonic", lambda: now[0])
    read: list[int] = []

    def count(key: int) -> int:
        read.append(key)
        now[0] += 0.5
        return len(read)

    kept = Kept(count)

    assert [kept.get(1), kept.get(1), kept.get(2)] == [1, 1, 2]
    now[0] += 9.0
    assert kept.get(1) == 1
    now[0] += 1.1
    assert kept.get(1) == 3
    for key in range(40):
        kept.get(key)
    assert len(kept._answers) <= 16
