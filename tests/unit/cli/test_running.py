"""What is asked of the running bot, and of one that does not answer."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import typer

from bot.cli.running import ask_running_bot
from bot.ledger.commands import CommandState
from bot.ledger.entry import open_ledger
from bot.runtime.clock import SystemClock
from bot.settings.env import load_settings


def test_a_command_that_no_bot_takes_is_taken_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    settings = load_settings({"NIJA_DATA_DIR": str(tmp_path / "data"), "NIJA_USERS_DIR": str(tmp_path)}, keys=False)

    with pytest.raises(typer.Exit):
        ask_running_bot(settings, "trade", {}, doing="the running bot trades", look="-", within_s=0.1)

    assert "nothing was done, and nothing will be" in capsys.readouterr().err
    with closing(open_ledger(tmp_path / "data" / "ledger.sqlite3", SystemClock())) as ledger:
        assert ledger.take_command() is None
        assert ledger.command(1).state is CommandState.FAILED
        number = ledger.post_command("trade", {})
        ledger.take_command()
        assert ledger.withdraw_command(number) is False, "somebody carries it out"
