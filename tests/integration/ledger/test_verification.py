"""What ``verify`` says of a ledger, in a file and on a server; it changes neither."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from bot.app.verification.ledger import LedgerWord, look_into_ledger
from bot.app.verification.verdicts import Verdict
from bot.ledger.entry import open_ledger
from bot.ledger.tables import SCHEMA_VERSION
from bot.settings.env import Environment
from tests.integration.ledger.looking import execute, rows
from tests.unit.ledger.builders import SetClock


def look(url: str, folder: Path) -> LedgerWord:
    return look_into_ledger(Environment(nija_data_dir=folder / "data", ledger_url=url))


def test_where_nothing_is_yet_nothing_is_made(url: str, tmp_path: Path) -> None:
    found = look(url, tmp_path).check
    assert found.verdict is Verdict.OK
    assert "at the first start" in found.text
    assert not (tmp_path / "data").exists()


def test_a_ledger_in_use_can_be_written_and_tells_its_switches(url: str, clock: SetClock, tmp_path: Path) -> None:
    with closing(open_ledger(url, clock)) as ledger:
        ledger.set_kill_switch("too hot", "me")
        before = rows(url, "SELECT version, written_at FROM schema_version")
        word = look(url, tmp_path)
        assert rows(url, "SELECT version, written_at FROM schema_version") == before
    assert word.check.verdict is Verdict.OK
    assert f"version {SCHEMA_VERSION} and can be written" in word.check.text
    assert word.switches == {"kill": "too hot"}


def test_who_keeps_a_copy_before_the_tables_are_changed(url: str, clock: SetClock, tmp_path: Path) -> None:
    open_ledger(url, clock).close(5.0)
    execute(url, f"UPDATE schema_version SET version = {SCHEMA_VERSION - 1}")
    found = look(url, tmp_path).check
    assert found.verdict is Verdict.NOTE
    assert f"brings it to {SCHEMA_VERSION}" in found.text
    assert ("keeps a copy" in found.text) == url.startswith("sqlite")
    assert ("pg_dump" in found.text) == url.startswith("postgresql")


def test_a_server_that_refuses_is_told_without_its_password(postgresql: str, tmp_path: Path) -> None:
    nobody = make_url(postgresql).set(username="nobody-here", password="canary-password")
    found = look(nobody.render_as_string(hide_password=False), tmp_path).check
    assert found.verdict is Verdict.FAILED
    assert "nobody-here" in found.text
    assert "canary-password" not in found.text + found.mend


def test_a_server_that_is_not_there_is_told_in_a_line(tmp_path: Path) -> None:
    # Nobody listens at the port that discards.
    found = look("postgresql+psycopg://me:canary-password@127.0.0.1:9/nija", tmp_path).check
    assert found.verdict is Verdict.FAILED
    assert "\n" not in found.text
    assert "canary-password" not in found.text + found.mend
