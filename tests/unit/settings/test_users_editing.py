"""Users files that are changed by program: everything else stays as it was, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.enums import BrokerType
from bot.domain.errors import SettingsError
from bot.settings.users import load_users
from bot.settings.users.editing import add_user, change_user, find_user, remove_user
from tests.paper_exchange.client import REPOSITORY

KRAKEN = BrokerType.KRAKEN
FILE = "retail_kraken.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "users"
    path.mkdir()
    (path / FILE).write_text(
        '[{"max_trade_usd": 0.10, "user_id": "anna", "name": "Änna", "max_user_risk": 1e-2},\n'
        ' {"multiplier": 2.50, "user_id": "bert", "quote_map": {"USD": "USDC"}}]'
    )
    return path


def test_a_new_user_goes_to_the_end_of_its_file_and_the_others_stay_as_they_were_written(folder: Path) -> None:
    add_user(folder, "carl", KRAKEN, "retail", {"multiplier": Decimal("0.50"), "name": None})
    text = (folder / FILE).read_text()
    assert "0.10" in text
    assert "2.50" in text
    assert "Änna" in text
    entries = json.loads(text)
    assert [list(entry) for entry in entries] == [
        ["max_trade_usd", "user_id", "name", "max_user_risk"],
        ["multiplier", "user_id", "quote_map"],
        ["user_id", "multiplier"],
    ]
    assert text.startswith('[\n  {\n    "max_trade_usd": 0.10,\n')
    users, problems = load_users(folder)
    assert problems == []
    assert [user.max_user_risk for user in users] == [Decimal("0.01"), None, None]


def test_a_change_keeps_the_order_of_fields_and_none_takes_one_out(folder: Path) -> None:
    edited = change_user(folder, "anna", None, {"max_trade_usd": Decimal(5), "name": None, "multiplier": Decimal(3)})
    (anna, bert) = json.loads((folder / FILE).read_text())
    assert list(anna) == ["max_trade_usd", "user_id", "max_user_risk", "multiplier"]
    assert anna["max_trade_usd"] == 5
    assert bert["multiplier"] == 2.5
    assert edited.before is not None
    assert edited.after is not None
    assert (edited.before.max_trade_usd, edited.after.max_trade_usd) == (Decimal("0.10"), Decimal(5))


def test_the_last_user_that_is_removed_leaves_an_empty_list(folder: Path) -> None:
    remove_user(folder, "anna", KRAKEN)
    remove_user(folder, "bert", None)
    assert (folder / FILE).read_text() == "[]\n"


def test_a_new_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    edited = add_user(tmp_path / "none" / "users", "zoe", BrokerType.ALPACA, "investor", {})
    assert edited.path == tmp_path / "none" / "users" / "investor_alpaca.json"
    assert load_users(edited.path.parent)[0][0].account_type == "investor"


@pytest.mark.parametrize(
    ("user", "fields", "words"),
    [
        ("anna", {}, "is in"),
        ("a b", {}, "user_id"),
        ("master", {}, "reserved"),
        ("carl", {"multiplier": Decimal(11)}, "multiplier"),
        ("carl", {"follow": "mars"}, "follow"),
    ],
    ids=["there already", "no name", "master", "limit", "venue"],
)
def test_what_would_be_wrong_is_refused_and_nothing_is_written(
    folder: Path, user: str, fields: dict[str, object], words: str
) -> None:
    before = (folder / FILE).read_bytes()
    with pytest.raises(SettingsError, match=words):
        add_user(folder, user, KRAKEN, "retail", fields)
    assert (folder / FILE).read_bytes() == before


@pytest.mark.parametrize("text", ['[{"user_id": "anna"', "{}", '[{"user_id": "anna", "name": "a", "name": "b"}]'])
def test_a_broken_file_is_left_as_it_is(folder: Path, text: str) -> None:
    (folder / FILE).write_text(text)
    with pytest.raises(SettingsError, match=FILE):
        add_user(folder, "carl", KRAKEN, "retail", {})
    with pytest.raises(SettingsError, match=FILE):
        change_user(folder, "anna", None, {"enabled": False})
    assert (folder / FILE).read_text() == text


def test_a_broken_file_keeps_nobody_from_disabling_a_user_of_another(folder: Path) -> None:
    (folder / "investor_kraken.json").write_text("[")
    change_user(folder, "anna", None, {"enabled": False})
    assert json.loads((folder / FILE).read_text())[0]["enabled"] is False


def test_an_unknown_user_and_one_at_two_venues_are_one_line(folder: Path) -> None:
    with pytest.raises(SettingsError, match="no user zoe"):
        change_user(folder, "zoe", None, {"multiplier": Decimal(2)})
    add_user(folder, "anna", BrokerType.ALPACA, "retail", {})
    with pytest.raises(SettingsError, match="--venue"):
        change_user(folder, "anna", None, {"multiplier": Decimal(2)})
    assert find_user(folder, "anna", BrokerType.ALPACA) == (folder / "retail_alpaca.json", BrokerType.ALPACA)


def test_other_faults_of_the_file_are_told(folder: Path) -> None:
    (folder / FILE).write_text('[{"user_id": "anna"}, {"user_id": "bert", "colour": "red"}]')
    edited = change_user(folder, "anna", None, {"multiplier": Decimal(2)})
    (problem,) = edited.problems
    assert "bert" in str(problem)
    assert json.loads((folder / FILE).read_text())[1] == {"user_id": "bert", "colour": "red"}
    assert change_user(folder, "bert", None, {"colour": None}).problems == ()


def test_mode_and_link_of_the_file_are_kept_and_nothing_is_left_beside_it(folder: Path) -> None:
    real = folder.parent / "real.json"
    (folder / FILE).rename(real)
    (folder / FILE).symlink_to(real)
    real.chmod(0o640)
    change_user(folder, "anna", None, {"enabled": False})
    assert (folder / FILE).is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert "false" in real.read_text()
    assert {path.name for path in folder.iterdir()} == {FILE, ".users.lock"}
    assert not list(folder.parent.glob(".*.tmp"))


def test_processes_that_change_at_once_lose_nothing(folder: Path) -> None:
    program = """
import sys
from pathlib import Path
from bot.domain.enums import BrokerType
from bot.settings.users.editing import add_user
for number in range(10):
    add_user(Path(sys.argv[1]), f"user{sys.argv[2]}x{number}", BrokerType.KRAKEN, "retail", {})
"""
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(folder), str(one)], cwd=REPOSITORY) for one in range(3)
    ]
    assert [process.wait(180) for process in running] == [0, 0, 0]
    users, problems = load_users(folder)
    assert problems == []
    assert len({user.user_id for user in users}) == 32
