"""What verification makes of what it finds, where no venue is needed."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import namedtuple
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from bot.app.verification import Check, Report, Verdict, Verification, worst_first
from bot.app.verification.accounts import AccountVerifier, _of_drift
from bot.app.verification.ledger import check_mode, look_into_ledger, pause_of
from bot.app.verification.machine import PINNED, check_folder, check_machine, check_nonces, folder_held
from bot.app.verification.setup import check_env_file, check_secret_files, check_setup, venues_of
from bot.app.verification.start import check_start
from bot.domain.enums import BrokerType
from bot.domain.ids import AccountId
from bot.ledger.entry import open_ledger
from bot.ledger.tables import SCHEMA_VERSION
from bot.runtime.clock import SystemClock
from bot.settings.env import Environment, Settings, load_settings

KRAKEN = BrokerType.KRAKEN
_Usage = namedtuple("_Usage", "total used free")


def one(checks: list[Check], name: str) -> Check:
    (found,) = [check for check in checks if check.id == name]
    return found


def environment(folder: Path, **more: Any) -> Environment:
    return Environment(nija_data_dir=folder / "data", nija_users_dir=folder / "users", **more)


# -- the machine -----------------------------------------------------------------------------------------------------


def test_the_packages_of_this_machine_are_the_pinned_ones(tmp_path: Path) -> None:
    assert one(check_machine(tmp_path), "packages").verdict is Verdict.OK
    assert PINNED.is_file()


def test_packages_that_are_missing_or_other_ones_are_named(tmp_path: Path) -> None:
    pinned = tmp_path / "requirements.txt"
    pinned.write_text(
        "krakenex==9.9.9 \\\n    --hash=sha256:00\nno-such-package==1.0 \\\n    --hash=sha256:00\n"
        'only-elsewhere==1.0 ; sys_platform == "win32" \\\n    --hash=sha256:00\n',
        encoding="utf-8",
    )
    missing, other = [check for check in check_machine(tmp_path, pinned) if check.id == "packages"]
    assert (missing.verdict, other.verdict) == (Verdict.FAILED, Verdict.WARNING)
    assert "no-such-package" in missing.text
    assert "only-elsewhere" not in missing.text
    assert "krakenex 2.2.2 (pinned: 9.9.9)" in other.text
    assert missing.mend == other.mend == "./start.sh install"


def test_versions_that_cannot_be_compared_are_no_hindrance(tmp_path: Path) -> None:
    assert one(check_machine(tmp_path, tmp_path / "none"), "packages").verdict is Verdict.NOTE


@pytest.mark.parametrize(
    ("free", "verdict"), [(2**20, Verdict.FAILED), (2**29, Verdict.WARNING), (2**31, Verdict.OK)], ids=str
)
def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, verdict: Verdict) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(2**40, 0, free))
    assert one(check_machine(tmp_path / "not there yet"), "disk").verdict is verdict


def test_the_data_folder_is_made_for_this_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert check_folder(folder).verdict is Verdict.OK
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.iterdir()) == []
    folder.chmod(0o755)
    opened = check_folder(folder)
    assert (opened.verdict, opened.mend) == (Verdict.WARNING, f"chmod 700 {folder}")


def test_a_data_folder_that_cannot_be_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    found = check_folder(tmp_path / "file")
    assert found.verdict is Verdict.FAILED
    assert "NIJA_DATA_DIR" in found.mend


def test_the_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with folder_held(tmp_path) as first, folder_held(tmp_path) as second:
        assert (first, second) == (False, True)
    with folder_held(tmp_path) as third:
        assert third is False


@pytest.mark.parametrize(
    ("text", "verdict", "word"),
    [
        ('{"account": "a:kraken", "ceiling": 1}', Verdict.OK, "1 nonce files"),
        ('{"account": "a:kraken", "ceiling": 99999999999999999999}', Verdict.WARNING, "clock is behind"),
        ("{", Verdict.WARNING, "cannot be read"),
    ],
    ids=["good", "ahead", "damaged"],
)
def test_the_files_of_nonces_are_looked_at(tmp_path: Path, text: str, verdict: Verdict, word: str) -> None:
    assert check_nonces(tmp_path) == []
    (tmp_path / "nonces").mkdir()
    (tmp_path / "nonces" / "kraken_nonce_a_kraken.json").write_text(text, encoding="utf-8")
    (found,) = check_nonces(tmp_path)
    assert found.verdict is verdict
    assert word in found.text


# -- the ledger ------------------------------------------------------------------------------------------------------


def test_a_ledger_that_is_not_there_yet_is_no_fault_and_none_is_made(tmp_path: Path) -> None:
    place = environment(tmp_path)
    place.nija_data_dir.mkdir()
    word = look_into_ledger(place)
    assert word.check.verdict is Verdict.OK
    assert list(place.nija_data_dir.iterdir()) == []


def test_an_older_ledger_is_named_and_not_changed(tmp_path: Path) -> None:
    file = _ledger(tmp_path)
    _set_version(file, SCHEMA_VERSION - 1)
    word = look_into_ledger(environment(tmp_path))
    assert word.check.verdict is Verdict.NOTE
    assert f"version {SCHEMA_VERSION - 1}: the next start brings it to {SCHEMA_VERSION}" in word.check.text
    assert _version(file) == SCHEMA_VERSION - 1


def test_a_newer_ledger_fails(tmp_path: Path) -> None:
    _set_version(_ledger(tmp_path), SCHEMA_VERSION + 1)
    found = look_into_ledger(environment(tmp_path)).check
    assert found.verdict is Verdict.FAILED
    assert "version of the program that wrote it" in found.mend


def test_a_ledger_that_somebody_holds_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.app.verification.ledger._BUSY_S", 0.1)
    engine = create_engine(f"sqlite:///{_ledger(tmp_path)}")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        found = look_into_ledger(environment(tmp_path)).check
        connection.rollback()
    engine.dispose()
    assert found.verdict is Verdict.FAILED
    assert "locked" in found.text


def test_a_ledger_of_an_unreadable_address_is_told_without_its_password(tmp_path: Path) -> None:
    found = look_into_ledger(environment(tmp_path, ledger_url="mysql://me:canary-password@host/x")).check
    assert found.verdict is Verdict.FAILED
    assert "canary-password" not in found.text + found.mend


def test_the_kill_switch_is_read(tmp_path: Path) -> None:
    file = _ledger(tmp_path)
    with closing(open_ledger(file, SystemClock())) as ledger:
        ledger.set_kill_switch("too hot", "me")
    place = environment(tmp_path)
    (found,) = check_mode(place, look_into_ledger(place), disabled_by_flag=False)
    assert (found.verdict, found.mend) == (Verdict.FAILED, "python bot.py resume")
    assert "too hot" in found.text


@pytest.mark.parametrize(
    ("more", "flag", "verdict"),
    [
        ({}, False, Verdict.OK),
        ({}, True, Verdict.FAILED),
        ({"system_disabled": True}, False, Verdict.FAILED),
        ({"observe_only": True}, False, Verdict.WARNING),
    ],
    ids=["active", "flag", "environment", "observe"],
)
def test_the_mode(tmp_path: Path, more: dict[str, Any], flag: bool, verdict: Verdict) -> None:
    place = environment(tmp_path, **more)
    (found,) = check_mode(place, look_into_ledger(place), disabled_by_flag=flag)
    assert found.verdict is verdict


def test_observe_mode_and_pauses_of_the_ledger_are_read(tmp_path: Path) -> None:
    file, anna = _ledger(tmp_path), AccountId("anna", KRAKEN)
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        for name in ("observe", f"pause {anna}"):
            connection.execute(
                text("INSERT INTO switches (name, reason, set_by, set_at) VALUES (:name, 'a look', 'me', 1.0)"),
                {"name": name},
            )
    engine.dispose()
    place = environment(tmp_path)
    word = look_into_ledger(place)
    assert check_mode(place, word, disabled_by_flag=False)[0].verdict is Verdict.WARNING
    assert pause_of(anna, word) == "a look"
    assert pause_of(AccountId("bert", KRAKEN), word) is None


def _ledger(folder: Path) -> Path:
    file = folder / "data" / "ledger.sqlite3"
    open_ledger(file, SystemClock()).close()
    return file


def _set_version(file: Path, version: int) -> None:
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE schema_version SET version = :version"), {"version": version})
    engine.dispose()


def _version(file: Path) -> int:
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        found: int = connection.execute(text("SELECT version FROM schema_version")).scalar_one()
    engine.dispose()
    return found


# -- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "verdict"),
    [(0o600, Verdict.OK), (0o400, Verdict.OK), (0o640, Verdict.FAILED), (0o604, Verdict.FAILED)],
    ids=lambda value: oct(value) if isinstance(value, int) else str(value),
)
def test_files_with_keys_are_for_one_user(tmp_path: Path, mode: int, verdict: Verdict) -> None:
    path = tmp_path / ".env"
    path.write_text("", encoding="utf-8")
    path.chmod(mode)
    (found,) = check_env_file(path)
    assert found.verdict is verdict
    assert (f"chmod 600 {path}" == found.mend) is (verdict is Verdict.FAILED)
    (secret,) = check_secret_files(environment(tmp_path, nija_vault=path))
    assert secret.verdict is verdict


def _settings(folder: Path, users: str = "[]", **variables: str) -> Settings:
    (folder / "users").mkdir(exist_ok=True)
    (folder / "users" / "retail_kraken.json").write_text(users, encoding="utf-8")
    places = {"NIJA_DATA_DIR": str(folder / "data"), "NIJA_USERS_DIR": str(folder / "users")}
    return load_settings({**places, **variables}, dotenv=None)


def _keys(prefix: str) -> dict[str, str]:
    return {f"{prefix}_API_KEY": f"key of {prefix}", f"{prefix}_API_SECRET": "c2VjcmV0"}


def test_masters_that_share_a_key_are_named(tmp_path: Path) -> None:
    shared = {**_keys("KRAKEN_MASTER"), **_keys("COINBASE"), "COINBASE_API_KEY": "key of KRAKEN_MASTER"}
    checks = check_setup(_settings(tmp_path, **shared), [KRAKEN])
    assert any(check.id == "keys" and check.verdict is Verdict.FAILED for check in checks)


def test_a_key_of_which_one_half_is_there_is_mended_by_its_other_half(tmp_path: Path) -> None:
    checks = check_setup(_settings(tmp_path, KRAKEN_MASTER_API_KEY="x"), [KRAKEN])
    found = one(checks, "keys")
    assert found.verdict is Verdict.FAILED
    assert found.venue is KRAKEN
    assert "KRAKEN_MASTER_API_SECRET=..." in found.mend


def test_a_user_that_follows_nobody_is_no_fault(tmp_path: Path) -> None:
    users = '[{"user_id": "anna", "copy_from_master": false}]'
    settings = _settings(tmp_path, users, **_keys("KRAKEN_MASTER"), **_keys("KRAKEN_USER_ANNA"))
    assert one(check_setup(settings, [KRAKEN]), "following").verdict is Verdict.NOTE


def test_a_venue_where_only_an_account_of_another_is_wrong_is_ready(tmp_path: Path) -> None:
    users = '[{"user_id": "anna"}]'
    settings = _settings(tmp_path, users, **_keys("KRAKEN_MASTER"), **_keys("KRAKEN_USER_ANNA"))
    (tmp_path / "users" / "retail_alpaca.json").write_text("[{]", encoding="utf-8")
    settings = load_settings(
        {
            **_keys("KRAKEN_MASTER"),
            **_keys("KRAKEN_USER_ANNA"),
            "NIJA_USERS_DIR": str(settings.environment.nija_users_dir),
        },
        dotenv=None,
    )
    venues = venues_of(settings)
    report = Report(tuple(check_setup(settings, [KRAKEN])), venues)
    assert venues == (KRAKEN, BrokerType.ALPACA), "one of which only a broken file is there is looked at too"
    assert report.is_ready(KRAKEN)
    assert not report.is_ready(BrokerType.ALPACA)
    assert not report.ready


def test_the_symbol_that_is_judged_is_the_strategys_first(tmp_path: Path) -> None:
    assert Verification(_settings(tmp_path, STRATEGY_SYMBOLS="eth-usd,BTC-USD")).symbol == "ETH-USD"
    assert Verification(_settings(tmp_path, STRATEGY_SYMBOLS=" , ")).symbol == "BTC-USD"


# -- what comes of it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drift", "verdict", "word"),
    [
        (0.5, Verdict.OK, "ahead"),
        (-1.9, Verdict.OK, "behind"),
        (2.5, Verdict.WARNING, "ahead"),
        (-29.0, Verdict.WARNING, "behind"),
        (31.0, Verdict.FAILED, "ahead"),
        (-60.0, Verdict.FAILED, "behind"),
    ],
)
def test_how_far_clocks_may_differ(drift: float, verdict: Verdict, word: str) -> None:
    found = _of_drift(KRAKEN, drift)
    assert found.verdict is verdict
    assert word in found.text
    assert bool(found.mend) is (verdict is not Verdict.OK)


def test_only_what_failed_keeps_a_venue_from_being_ready() -> None:
    anna = AccountId("anna", BrokerType.COINBASE)
    checks = (
        Check("a", Verdict.OK, "."),
        Check("b", Verdict.WARNING, "."),
        Check("c", Verdict.FAILED, ".", "mend it", anna),
        Check("d", Verdict.NOTE, "."),
    )
    report = Report(checks, (KRAKEN, BrokerType.COINBASE))
    assert report.is_ready(KRAKEN)
    assert not report.is_ready(BrokerType.COINBASE)
    assert not report.ready
    assert [check.id for check in worst_first(checks)] == ["c", "b", "d", "a"]
    assert not Report((), ()).ready, "where nothing was looked at, nothing is ready"


def test_a_failure_of_the_machine_is_every_venues(tmp_path: Path) -> None:
    assert os.sep not in Check("x", Verdict.OK, ".").place
    report = Report((Check("disk", Verdict.FAILED, ".", "make room"),), tuple(BrokerType))
    assert not any(map(report.is_ready, BrokerType))


@pytest.mark.parametrize(
    ("variables", "check"),
    [
        ({"STRATEGY": "rsi-ema"}, "strategy"),
        ({"STRATEGY_SETTINGS": '{"stop_los": "0.02"}'}, "strategy"),
        ({"STRATEGY_SYMBOLS": "BTCUSD"}, "strategy"),
        ({"WEB_HOST": "0.0.0.0"}, "page"),
        ({"METRICS_TOKEN": "short"}, "page"),
        ({"NOTIFY_EVENTS": "trades"}, "notifications"),
    ],
)
def test_what_the_start_refuses_is_refused_here(tmp_path: Path, variables: dict[str, str], check: str) -> None:
    found = one(check_start(_settings(tmp_path, **variables).environment), check)
    assert found.verdict is Verdict.FAILED
    assert found.mend
    assert next(iter(variables)) in found.text
    assert check_start(_settings(tmp_path).environment) == []


def test_without_a_master_and_an_independent_user_nothing_is_ready(tmp_path: Path) -> None:
    settings = _settings(tmp_path, '[{"user_id": "anna", "copy_from_master": false}]', **_keys("KRAKEN_USER_ANNA"))
    assert one(check_setup(settings, [KRAKEN]), "accounts").verdict is Verdict.FAILED


def test_beside_another_check_nothing_is_ready(tmp_path: Path) -> None:
    settings = _settings(tmp_path, **_keys("KRAKEN_MASTER"))
    (tmp_path / "data").mkdir()
    with folder_held(tmp_path / "data"):
        report = Verification(settings, dotenv=tmp_path / ".env").run()
    assert report.running
    assert not report.ready
    assert one(list(report.checks), "running").verdict is Verdict.FAILED

    (tmp_path / "data" / "heartbeat.json").write_text(json.dumps({"at": time.time(), "reason": ""}))
    with folder_held(tmp_path / "data"):
        report = Verification(settings, dotenv=tmp_path / ".env").run()
    assert one(list(report.checks), "running").verdict is Verdict.NOTE


def test_an_account_without_the_money_for_an_order_is_warned_of_in_whatever_words(tmp_path: Path) -> None:
    class Poor:
        validates_orders = True

        def validate_order(self, *_: Any) -> str:
            return "EOrder:Insufficient funds"

    settings = _settings(tmp_path, **_keys("KRAKEN_MASTER"))
    broker: Any = Poor()
    verifier = AccountVerifier(settings.accounts[0], broker, settings.environment, "BTC-USD", 1.0)
    assert verifier._of_order(True).verdict is Verdict.WARNING
