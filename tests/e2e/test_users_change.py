"""`users add|edit|disable|enable|remove|schema`, beside a running bot and without one."""

from __future__ import annotations

import json
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import MakeHouse
from tests.e2e.house import PATIENCE_S, House
from tests.paper_exchange.client import eventually

pytestmark = pytest.mark.e2e


def file_of(house: House, name: str = "retail_kraken.json") -> Path:
    return house.folder / "users" / name


def copies(house: House, side: str, *amount: str) -> dict[str, str]:
    """A trade beside the running bot: what became of each user's copy."""
    report = house.run("trade", side, "BTC-USD", *amount, "--json").json
    return {copy["account"].partition(":")[0]: copy["state"] for copy in report["copies"]}


def carl_with_key(house: House) -> None:
    """An account whose key stands in .env of the bot's folder, and in no users file."""
    login = house.paper.open({"USD": "1000"}, name=f"{house.logins['master'].name}.carl", tier="Pro")
    keys = f"KRAKEN_USER_CARL_API_KEY={login.key}\nKRAKEN_USER_CARL_API_SECRET={login.secret}\n"
    (house.folder / ".env").write_text(keys)
    (house.folder / ".env").chmod(0o600)


def status(house: House, who: str) -> dict[str, Any]:
    rows = house.run("users", "--json").json["accounts"]
    return next(row for row in rows if row["account"] == f"{who}:kraken")


def test_a_running_bot_takes_what_the_commands_write(house: House) -> None:
    carl_with_key(house)
    with house.bot() as bot:
        added = house.run("users", "add", "carl", "--multiplier", "0.5", "--name", "Carl C.")
        assert added.code == 0, added
        assert "KRAKEN_USER_CARL_API_KEY" in added.out
        assert "the running bot takes it within seconds" in added.out
        bot.wait_until_said("carl:kraken: added")
        assert copies(house, "buy", "--usd", "1000") == {"anna": "FILLED", "bert": "FILLED", "carl": "FILLED"}
        assert "disabled" in house.run("users", "disable", "anna").out
        bot.wait_until_said("anna:kraken: enabled true -> false")
        assert "disabled" in status(house, "anna")["status"]
        house.run("users", "remove", "bert").refused(1, "bert:kraken", "BTC-USD", "users disable bert")
        assert copies(house, "buy", "--usd", "1000")["anna"] == "SKIPPED"
        sold = copies(house, "sell", "--quantity", str(house.held("master")))
        assert set(sold.values()) == {"FILLED"}
        assert house.held("anna") == 0
        assert house.run("users", "remove", "bert").code == 0
        bot.wait_until_said("bert:kraken: removed from the users files")
    everything = bot.stop()
    assert not any(secret in (everything.out + everything.err).encode() for secret in house.secrets())


def test_a_bot_that_is_killed_right_after_a_change_starts_with_it(house: House) -> None:
    carl_with_key(house)
    with house.bot() as bot:
        assert copies(house, "buy", "--usd", "1000") == {"anna": "FILLED", "bert": "FILLED"}
        house.run("users", "add", "carl")
        house.run("users", "disable", "bert")
        bot.stop(signal.SIGKILL)
    with house.bot():
        assert copies(house, "buy", "--usd", "1000")["carl"] == "FILLED"
        sold = copies(house, "sell", "--quantity", str(house.held("master")))
        assert sold["bert"] == "FILLED"
    assert house.held("bert") == Decimal(0)
    assert len(house.orders("bert")) == 2


def test_without_a_bot_the_file_is_written_and_says_when_it_holds(house: House) -> None:
    edited = house.run(
        "users", "edit", "anna", "--multiplier", "2", "--max-trade-usd", "250", "--quote-map", "USD=USDC"
    )
    assert edited.code == 0, edited
    assert "from when the bot starts" in edited.out
    entries = json.loads(file_of(house).read_text())
    assert entries == [
        {"user_id": "anna", "multiplier": 2, "max_trade_usd": 250, "quote_map": {"USD": "USDC"}},
        {"user_id": "bert"},
    ]
    house.run("users", "edit", "anna", "--multiplier", "none", "--max-trade-usd", "none", "--quote-map", "none")
    assert json.loads(file_of(house).read_text()) == [{"user_id": "anna"}, {"user_id": "bert"}]
    house.run("users", "disable", "anna", "--venue", "kraken")
    house.run("users", "enable", "anna")
    assert json.loads(file_of(house).read_text()) == [{"user_id": "anna"}, {"user_id": "bert"}]
    house.run("users", "add", "ines", "--venue", "coinbase", "--account-type", "investor", "--follow", "kraken")
    assert json.loads(file_of(house, "investor_coinbase.json").read_text()) == [{"user_id": "ines", "follow": "kraken"}]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("edit", "nobody", "--multiplier", "2"), ("no user nobody",)),
        (("edit", "anna"), ("nothing to change",)),
        (("edit", "anna", "--multiplier", "much"), ("--multiplier", "'much'")),
        (("edit", "anna", "--multiplier", "11"), ("anna", "multiplier")),
        (("edit", "anna", "--quote-map", "USD"), ("--quote-map",)),
        (("disable", "anna", "--venue", "alpaca"), ("no user anna at alpaca",)),
        (("add", "anna"), ("anna:kraken", "already")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_what_cannot_be_is_one_line_and_nothing_is_written(
    house: House, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    before = file_of(house).read_bytes()
    house.run("users", *arguments).refused(2, *words)
    assert file_of(house).read_bytes() == before


def test_a_broken_file_is_refused_and_stays(make_house: MakeHouse) -> None:
    house = make_house(users={})
    house.users_file('[{"user_id": "anna"')
    house.run("users", "add", "carl").refused(2, "retail_kraken.json", "mend the file")
    assert file_of(house).read_text() == '[{"user_id": "anna"'


def test_help_teaches_with_an_example_and_the_schema_is_json(make_house: MakeHouse) -> None:
    house = make_house(users={})
    for command in ("add", "edit"):
        assert f"python bot.py users {command} sam_lee" in house.run("users", command, "--help").out
    listed = house.run("users", "--help").out
    assert all(command in listed for command in ("add", "edit", "disable", "enable", "remove", "schema", "resume"))
    assert house.run("users", "schema").json["type"] == "array"


def test_a_change_while_the_bot_starts_is_not_lost(house: House) -> None:
    carl_with_key(house)
    bot = house.begin("run")
    house.run("users", "add", "carl")
    bot.wait_until_said(house.ready_line)
    eventually(lambda: status(house, "carl")["connected"] == "yes", PATIENCE_S)
    assert copies(house, "buy", "--usd", "1000")["carl"] == "FILLED"
    bot.stop()


def test_nobody_is_removed_while_nobody_can_tell_what_is_held(house: House) -> None:
    house.variables = {"LEDGER_URL": "postgresql+psycopg://nija:x@127.0.0.1:9/nija"}
    house.run("users", "remove", "bert").refused(1, "bert:kraken", "nobody can tell now", "--force")
    assert "bert" in file_of(house).read_text()
