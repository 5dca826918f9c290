"""A ledger restored from an old copy: the venue is the truth, and nothing is copied a second time."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.conftest import MakeTown
from tests.faults.town import Town
from tests.paper_exchange.client import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ANNA, WAITS, FLIES, LATE = "anna", "waits", "flies", "late"
USERS = (ANNA, WAITS, FLIES, LATE)


def state(town: Town, who: str) -> str:
    return str(town.last_copy(who)["state"])


def restore(town: Town, backup: Path) -> None:
    # As `ledger backup --help` says.
    shutil.copyfile(backup, town.ledger)
    for ending in ("-wal", "-shm"):
        town.ledger.with_name(town.ledger.name + ending).unlink(missing_ok=True)


@dataclass
class Restored:
    """A bot that runs on an old ledger; what everybody had at the exchange when it was restored."""

    town: Town
    orders: dict[str, int]
    held: dict[str, str]


@pytest.fixture(scope="module")
def restored(make_town: MakeTown, tmp_path_factory: pytest.TempPathFactory) -> Restored:
    """The copy was made while an exit waited, one order was in flight and one in doubt; then came three more trades."""
    town, backup = make_town(*USERS), tmp_path_factory.mktemp("backup") / "ledger.sqlite3"
    running = town.start()
    town.buy()
    town.strike(WAITS, "error", text="EGeneral:Temporary lockout")
    town.strike(FLIES, "hang", when="after", seconds=1.8)
    town.strike(LATE, "delayed_landing", seconds=1.5, text="reset")
    town.trade("sell", "BTC-USD", "--quantity", f"{town.held('master') / 2:f}")
    eventually(lambda: (state(town, WAITS), state(town, LATE)) == ("PLANNED", "UNKNOWN"))
    assert state(town, FLIES) == "SUBMITTING"
    assert town.run("ledger", "backup", str(backup)).code == 0

    town.until_settled(waiting=1)
    assert town.run("users", "resume", WAITS).code == 0
    town.until_settled()
    town.buy("200")
    town.sell_all()
    town.buy("300")
    running.stop()
    restore(town, backup)
    orders, held = town.order_counts(), {who: f"{town.held(who):f}" for who in USERS}
    town.start()
    town.until_settled()
    return Restored(town, orders, held)


def test_nothing_is_copied_again(restored: Restored) -> None:
    assert restored.town.order_counts() == restored.orders
    assert {who: f"{restored.town.held(who):f}" for who in USERS} == restored.held


@pytest.mark.parametrize("who", USERS)
def test_what_was_open_in_the_copy_has_the_fill_that_it_really_had(restored: Restored, who: str) -> None:
    copy = restored.town.last_copy(who)
    order = restored.town.orders(who)[1]

    assert (copy["side"], copy["state"]) == ("sell", "FILLED")
    assert (copy["order_id"], copy["executed"]) == (order["order_id"], order["executed"])


def test_the_next_trade_is_copied_once(restored: Restored) -> None:
    before = restored.town.order_counts()

    restored.town.buy("100")

    assert restored.town.order_counts() == {who: number + 1 for who, number in before.items()}
