"""``simulate``: what it prints, what it writes, and how it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.cli.main import make_app
from bot.domain.errors import SettingsError
from tests.unit.simulation.series import SHIPPED

REPOSITORY = Path(__file__).resolve().parents[3]
USERS = SHIPPED.parent / "users"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(make_app(), ["simulate", "--candles", str(SHIPPED), *arguments])


def accounts(result: Result) -> dict[str, dict[str, str]]:
    assert result.exit_code == 0, result.output
    return {one["account"]: one for one in json.loads(result.stdout)["accounts"]}


def test_it_prints_tables_and_writes_a_picture(folder: Path) -> None:
    result = run()

    assert result.exit_code == 0, result.output
    assert "BTC-USD: 2,400 candles of 15 min, 2026-09-12 08:00 to 2026-10-07 08:00 UTC" in result.stdout
    for text in ("Results", "master:kraken", "user01_1000:kraken", "kept", "Where each user's share", "below minimum"):
        assert text in result.stdout
    assert result.stdout.rstrip().endswith("picture: simulation.png")
    assert (folder / "simulation.png").read_bytes().startswith(b"\x89PNG")


def test_the_parts_in_json_add_up_to_what_was_earned(folder: Path) -> None:
    found = accounts(run("--json", "--users", str(USERS), "--balance", "ben_small=60", "--out", "other.png"))

    assert set(found) == {
        "master:kraken",
        *(f"{name}:kraken" for name in ("ana_full", "ben_small", "cem_capped", "dora_more", "eva_careful")),
        "finn_no_btc:kraken",
        "gina_alpaca:alpaca",
        "ines_coinbase:coinbase",
    }
    assert found["ben_small:kraken"]["start"] == "60"
    assert (folder / "other.png").exists()
    for one in found.values():
        if one["parts"] is not None:
            parts = sum(map(Decimal, one["parts"].values()))
            assert Decimal(one["share_of_master"]) + parts == Decimal(one["profit"])


def test_who_is_left_out_is_named(folder: Path) -> None:
    result = run("--users", str(USERS))

    assert result.exit_code == 0
    assert "hugo_alpaca: left out: it follows master:alpaca, this is master:kraken" in result.stderr
    assert "jon_paused: left out: it is not enabled" in result.stderr


@pytest.mark.parametrize(
    ("users", "starts"),
    [
        pytest.param("3", ["700"] * 3, id="so many"),
        pytest.param("500,", ["500"], id="one sum"),
        pytest.param("1000, 20.50", ["1000", "20.50"], id="sums"),
        pytest.param("0", [], id="nobody"),
    ],
)
def test_users_can_be_made_up(folder: Path, users: str, starts: list[str]) -> None:
    found = accounts(run("--json", "--users", users, "--user-balance", "700"))

    assert [one["start"] for name, one in found.items() if not name.startswith("master")] == starts


def test_settings_of_the_strategy_and_fees_are_taken(folder: Path) -> None:
    plain = accounts(run("--json", "--fee-rate", "0", "--spread", "0"))["master:kraken"]
    other = accounts(
        run(
            *("--json", "--fee-rate", "0", "--spread", "0", "--strategy", "ema_cross", "--set", "slow_ema_period=34"),
            *("--set", "stop_loss=none", "--set", "sell_on_ema_cross=true", "--set", "balance_share=0.07"),
        )
    )["master:kraken"]

    assert plain["fees"] == other["fees"] == "0.00000"
    assert plain["profit"] != other["profit"]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        pytest.param(["--candles", "none.csv"], "none.csv: cannot be read (No such file", id="no candles"),
        pytest.param(["--users", "nobody"], "--users nobody: there is no such folder or file", id="no users"),
        pytest.param(["--users", "5000"], "--users: at most 1000, was 5000", id="too many users"),
        pytest.param(["--users", "10,x"], "--users 10,x: there is no such", id="no number"),
        pytest.param(["--users", "10,0"], "--users: invalid amount, must be above zero", id="no money"),
        pytest.param(["--balance", "ana"], "--balance: expected NAME=VALUE, was 'ana'", id="half a balance"),
        pytest.param(["--balance", "ana=5"], "--balance is for users of users files", id="whose balance"),
        pytest.param(["--strategy", "luck"], "strategy 'luck': no such strategy; there are", id="no strategy"),
        pytest.param(["--set", "rsi=9"], "strategy setting rsi: no such setting", id="no setting"),
        pytest.param(["--set", "rsi_period=x"], "strategy setting rsi_period: must be a whole number", id="no count"),
        pytest.param(["--fee-rate", "1"], "--fee-rate: must be at least 0 and below 1", id="all for fees"),
        pytest.param(["--spread", "wide"], "--spread: invalid share, was 'wide'", id="no spread"),
        pytest.param(["--master-balance", "-5"], "--master-balance: invalid amount, must be", id="less than nothing"),
        pytest.param(["--out", "simulation.jpg"], "--out simulation.jpg: must end in .png", id="no PNG"),
        pytest.param(["--out", "far/away.png"], "--out far/away.png: there is no folder far", id="no folder"),
    ],
)
def test_wrong_use_is_told_in_one_line(folder: Path, arguments: list[str], fault: str) -> None:
    result = run(*arguments)

    assert isinstance(result.exception, SettingsError)
    assert str(result.exception).startswith(fault)
    assert "\n" not in str(result.exception)
    assert list(folder.iterdir()) == []


def test_a_broken_line_ends_the_command_with_its_number_and_the_code_of_wrong_settings(tmp_path: Path) -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    lines[7] = lines[7].replace(lines[7].split(",")[1], "?")
    path = tmp_path / "broken.csv"
    path.write_text("\n".join(lines), encoding="utf-8")

    ended = subprocess.run(
        [sys.executable, str(REPOSITORY / "bot.py"), "simulate", "--candles", str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.splitlines() == [f"❌ {path}, line 8: open is no number, was '?'"]


def test_the_help_has_a_line_that_works(folder: Path) -> None:
    told = " ".join(CliRunner().invoke(make_app(), ["simulate", "--help"], terminal_width=200).stdout.split())

    assert f"python bot.py simulate --candles {SHIPPED.relative_to(REPOSITORY)}" in told


def test_the_page_shows_what_the_command_prints(folder: Path) -> None:
    page = (REPOSITORY / "docs" / "simulation.md").read_text(encoding="utf-8")
    shown = page.split("```\nBTC-USD: ")[1].split("```")[0]

    printed = run("--users", str(USERS), "--balance", "ben_small=35", "--set", "balance_share=0.08").stdout

    lines = [line.rstrip() for line in printed.splitlines()]
    assert lines[:-1] == f"BTC-USD: {shown}".splitlines()[:-1]
    assert (REPOSITORY / "docs" / "pictures" / "simulation.png").read_bytes().startswith(b"\x89PNG")
