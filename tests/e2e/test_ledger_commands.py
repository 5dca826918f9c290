"""``ledger backup`` and ``ledger export``, as people and scripts call them, beside a running bot."""

from __future__ import annotations

import csv
import shutil
import sqlite3
import stat
from contextlib import closing

import pytest

from bot.ledger.entry import open_views
from tests.e2e.house import House
from tests.paper_exchange.client import eventually

pytestmark = pytest.mark.e2e

TABLES = ("signals", "copies", "master_orders", "fills", "order_events", "copied_coins", "coin_adjustments")
TABLES += ("watches", "balance_history", "uncopied")


def buy(house: House) -> None:
    ended = house.run("trade", "buy", "BTC-USD", "--usd", "100")
    assert ended.code == 0, ended


@pytest.mark.parametrize("command", ["ledger", "ledger backup", "ledger export"])
def test_help_teaches(house: House, command: str) -> None:
    ended = house.run(*command.split(), "--help")

    assert (ended.code, ended.err) == (0, "")
    assert "Usage: bot.py ledger" in ended.out
    assert "while the bot" in " ".join(ended.out.split()) or command == "ledger export"


def test_a_running_bot_is_backed_up_and_goes_on(house: House) -> None:
    with house.bot():
        buy(house)
        ended = house.run("ledger", "backup")
        assert (ended.code, ended.err) == (0, ""), ended
        buy(house)

    [backup] = (house.data / "backups").iterdir()
    assert str(backup) in ended.out
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    views = open_views(backup)
    assert views.counts().emitted == 1
    views.close()
    assert house.order_counts() == {"master": 2, "anna": 2, "bert": 2}


def test_a_restored_old_backup_copies_nothing_again(house: House) -> None:
    kept = house.folder / "kept.sqlite3"
    with house.bot():
        buy(house)
        eventually(lambda: all_filled(house))
        assert house.run("ledger", "backup", str(kept)).code == 0
        buy(house)
        assert house.run("trade", "sell", "BTC-USD", "--usd", "50").code == 0
    orders = house.order_counts()
    for old in house.data.glob("ledger.sqlite3*"):
        old.unlink()
    shutil.copy(kept, house.ledger)

    with house.bot():
        assert house.order_counts() == orders
        buy(house)

    assert house.order_counts() == {who: count + 1 for who, count in orders.items()}


def all_filled(house: House) -> bool:
    with closing(sqlite3.connect(house.ledger)) as books:
        states = books.execute("SELECT state FROM copies UNION ALL SELECT state FROM master_orders").fetchall()
    return {state for (state,) in states} == {"FILLED"}


def test_a_folder_takes_a_backup_under_a_name_of_its_own(house: House) -> None:
    with house.bot():
        pass
    place = house.folder / "stick"
    place.mkdir()

    assert house.run("ledger", "backup", str(place)).code == 0

    [backup] = place.iterdir()
    assert backup.name.startswith("ledger-")


def test_tables_are_written_beside_a_running_bot(house: House) -> None:
    place = house.folder / "tables"
    with house.bot():
        buy(house)
        eventually(lambda: all_filled(house))
        ended = house.run("ledger", "export", "--csv", str(place))

    assert (ended.code, ended.err) == (0, ""), ended
    assert {file.name for file in place.iterdir()} == {f"{name}.csv" for name in TABLES}
    assert "copies.csv: 2 rows" in ended.out
    with (place / "copies.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["user_id"], row["state"], row["symbol"]) for row in rows} == {
        ("anna", "FILLED", "BTC-USD"),
        ("bert", "FILLED", "BTC-USD"),
    }


def test_without_a_place_tables_go_into_the_data_folder(house: House) -> None:
    with house.bot():
        pass

    assert house.run("ledger", "export", "--csv").code == 0

    [export] = (house.data / "exports").iterdir()
    assert {file.name for file in export.iterdir()} == {f"{name}.csv" for name in TABLES}


def test_what_cannot_be_done_is_one_line(house: House) -> None:
    house.run("ledger", "backup").refused(1, "there is no ledger yet", "start the bot once")
    house.run("ledger", "export", "--csv").refused(1, "there is no ledger yet")
    house.run("ledger", "export").refused(2, "ledger export --csv")
    with house.bot():
        pass
    house.run("ledger", "backup", str(house.ledger)).refused(1, str(house.ledger), "is there already")
    house.run("ledger", "backup", "/proc/nothing").refused(1, "/proc/nothing", "cannot be copied")
    (house.folder / "signals.csv").write_text("precious")
    house.run("ledger", "export", "--csv", str(house.folder)).refused(1, "signals.csv", "is there already")
    assert (house.folder / "signals.csv").read_text() == "precious"


def test_a_ledger_on_a_server_is_backed_up_with_its_own_tool(make_house) -> None:
    house = make_house(variables={"LEDGER_URL": "postgresql+psycopg://nija:s3cret@db.example/nija"})

    ended = house.run("ledger", "backup")

    ended.refused(1, "pg_dump", "db.example")
    assert "s3cret" not in ended.out + ended.err
