"""``audit show`` and ``audit verify``, as people and scripts call them, beside a running bot and after one."""

from __future__ import annotations

import re
import signal
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.house import PATIENCE_S, House
from tests.paper_exchange.client import eventually

pytestmark = pytest.mark.e2e


def buy(house: House) -> None:
    ended = house.run("trade", "buy", "BTC-USD", "--usd", "100")
    assert ended.code == 0, ended


def shown(house: House, *options: str) -> list[dict[str, Any]]:
    ended = house.run("audit", "show", "--json", "-n", "1000", *options)
    assert (ended.code, ended.err) == (0, ""), ended
    found: list[dict[str, Any]] = ended.json
    return found


def log_file(house: House) -> Path:
    [path] = (house.data / "audit").glob("audit-*.jsonl")
    return path


@pytest.mark.parametrize("command", ["audit", "audit show", "audit verify"])
def test_help_teaches(house: House, command: str) -> None:
    ended = house.run(*command.split(), "--help")
    assert (ended.code, ended.err) == (0, "")
    assert "Usage: bot.py audit" in ended.out


def test_without_a_log_it_says_so(house: House) -> None:
    house.run("audit", "verify").refused(1, "there is no audit log yet", "start the bot once")
    house.run("audit", "show").refused(1, "there is no audit log yet")


def test_a_day_with_a_bot_is_in_the_log_and_verified(house: House) -> None:
    with house.bot():
        buy(house)
        beside = house.run("audit", "verify", "--json")
        assert house.run("kill", "prices look wrong").code == 0
        eventually(lambda: len(shown(house, "--kind", "switch")) == 1, PATIENCE_S)
        assert house.run("resume").code == 0
        eventually(lambda: len(shown(house, "--kind", "switch")) == 2, PATIENCE_S)

    assert beside.code == 0, beside
    assert beside.json["compared_with_ledger"] > 6
    after = house.run("audit", "verify")
    assert (after.code, after.err) == (0, ""), after
    assert "✅ the audit log is intact" in after.out
    kinds = {entry["kind"] for entry in shown(house)}
    assert {"started", "stopped", "intent", "outcome", "command", "command_ended", "switch", "audit"} <= kinds
    assert {stat.S_IMODE(path.stat().st_mode) for path in (house.data / "audit").iterdir()} == {0o600}
    annas = shown(house, "--account", "anna:kraken", "--kind", "intent")
    assert [entry["who"] for entry in annas] == ["anna:kraken"]
    assert re.search(r"BUY 0\.0\d+ BTC-USD: SUBMITTING", annas[0]["what"])
    asked = [entry["what"] for entry in shown(house, "--kind", "command")]
    assert any("prices look wrong" in what for what in asked)
    table = house.run("audit", "show", "-n", "3")
    assert "Audit log" in table.out
    text = log_file(house).read_bytes()
    assert not any(secret in text for secret in house.secrets())


def test_a_killed_bot_loses_nothing(house: House) -> None:
    with house.bot() as running:
        buy(house)
        running.process.send_signal(signal.SIGKILL)
        running.ended()
    with house.bot():
        buy(house)

    report = house.run("audit", "verify", "--json")
    assert report.code == 0, report
    with closing(sqlite3.connect(house.ledger)) as books:
        [[events]] = books.execute("SELECT count(*) FROM order_events").fetchall()
    numbers = [entry["detail"]["event"] for entry in shown(house) if "event" in entry["detail"]]
    assert sorted(numbers) == list(range(1, events + 1))


def test_what_was_tampered_with_is_named(house: House) -> None:
    with house.bot():
        buy(house)
    whole = house.run("audit", "verify", "--json").json
    path = log_file(house)
    content = path.read_bytes()

    path.write_bytes(content.replace(b"anna:kraken", b"bert:kraken", 1))
    house.run("audit", "verify").refused(1, path.name, "line ", "(entry ", "it was changed")
    path.write_bytes(b"".join(content.splitlines(keepends=True)[:-4]))
    house.run("audit", "verify").refused(1, "the end", "cut off")
    path.write_bytes(content)
    assert house.run("audit", "verify").code == 0

    last = whole["last"]
    assert house.run("audit", "verify", "--known", f"{last['number']}:{last['hash']}").code == 0
    house.run("audit", "verify", "--known", f"{last['number']}:{'0' * 64}").refused(
        1, "it is not the one that was noted"
    )
    house.run("audit", "verify", "--known", "x").refused(2, "--known takes NUMBER:HASH")

    with closing(sqlite3.connect(house.ledger)) as books, books:
        for (name,) in books.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            books.execute(f"DROP TRIGGER {name}")
        books.execute("UPDATE order_events SET detail = 'nothing happened' WHERE id = 2")
    refused = house.run("audit", "verify", "--json")
    assert refused.code == 1
    assert not refused.json["intact"]
    [problem] = refused.json["problems"]
    assert "event 2 of the ledger" in problem["where"]
