"""``python bot.py web password``."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.web import app
from bot.web.passwords import PasswordStore

NEW = "a new one of some length"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NIJA_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def test_a_password_is_taken_from_standard_input(folder: Path) -> None:
    ended = CliRunner().invoke(app, ["password"], input=f"{NEW}\n")

    assert ended.exit_code == 0
    assert NEW not in ended.output
    assert PasswordStore(folder).is_right(NEW)


def test_a_password_is_made_and_printed(folder: Path) -> None:
    ended = CliRunner().invoke(app, ["password", "--generate"])

    assert PasswordStore(folder).is_right(ended.output.strip())


def test_a_short_password_changes_nothing(folder: Path) -> None:
    ended = CliRunner().invoke(app, ["password"], input="short\n")

    assert ended.exit_code == 2
    assert not (folder / "web.json").exists()


def test_a_new_password_takes_the_first_one_away(folder: Path) -> None:
    folder.mkdir()
    store = PasswordStore(folder)
    first = store.prepare()
    assert first is not None
    store.keep_first_password(first)

    CliRunner().invoke(app, ["password"], input=f"{NEW}\n")

    assert not store.first_password_file.exists()
    assert not store.is_right(first)
