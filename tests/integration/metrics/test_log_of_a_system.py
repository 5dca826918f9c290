"""The log of a whole system that copies: in a file, on a full disk, without its keys."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.reporting.log import LogFile, configure_logging
from bot.settings.redaction import Redactor
from tests.integration.metrics.conftest import MakeCounted

TWO = {"anna": {"USD": "1000"}, "bert": {"USD": "1000"}}
LINES = (
    "✅ KRAKEN PRO CONNECTED (MASTER)",
    "✅ USER:anna KRAKEN connected",
    "✅ COPY TRADE ENGINE STARTED",
    "📡 Emitting trade signal to copy engine",
    "🔔 RECEIVED MASTER TRADE SIGNAL: BTC-USD BUY",
    "🟢 COPY TRADE SUCCESS",
    "📊 COPY TRADING SUMMARY",
)


@contextmanager
def logging_into(path: Path, stream_path: Path, json_lines: bool) -> Iterator[Redactor]:
    redactor, root = Redactor(), logging.getLogger()
    before = root.level
    with stream_path.open("w", encoding="utf-8") as stream:
        setup = configure_logging(redactor, "DEBUG", json_lines, stream, file=LogFile(path))
        try:
            yield redactor
        finally:
            setup.close()
            root.setLevel(before)


@pytest.mark.parametrize("json_lines", [False, True], ids=["text", "json"])
def test_operators_find_their_lines_on_the_terminal_and_in_the_file_and_no_key(
    make_counted: MakeCounted, tmp_path: Path, json_lines: bool
) -> None:
    path, terminal = tmp_path / "logs" / "nija.log", tmp_path / "terminal"
    with logging_into(path, terminal, json_lines) as redactor:
        counted = make_counted(TWO)
        logins = counted.house.logins.values()
        for login in logins:
            redactor.register(login.secret)
            redactor.register(login.key)
        assert counted.house.trade("buy", 500)
        logging.getLogger("nija.test").error("a careless line", extra={"keys": [login.secret for login in logins]})
        counted.house.stop()
    for place in (path, terminal):
        text = place.read_text()
        events = [json.loads(line)["event"] for line in text.splitlines()] if json_lines else text.splitlines()
        for line in LINES:
            assert any(line in event for event in events), line
        for login in logins:
            assert login.secret not in text
            assert login.key not in text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_stops_no_trade(make_counted: MakeCounted, tmp_path: Path) -> None:
    terminal = tmp_path / "terminal"
    with logging_into(Path("/dev/full"), terminal, json_lines=False):
        counted = make_counted(TWO)
        report = counted.house.trade("buy", 500)
        assert [copy.success for copy in report.copies] == [True, True]
        counted.house.stop()
    assert terminal.read_text().count("No space left on device") == 1
    assert "📊 COPY TRADING SUMMARY" in terminal.read_text()
