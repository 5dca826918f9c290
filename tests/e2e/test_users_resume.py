"""`users` shows why an account is paused, and `users resume` ends the pause; each case in one clear line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.house import PATIENCE_S, Ended, House
from tests.paper_exchange.client import eventually

pytestmark = pytest.mark.e2e

LOCKOUT = "EGeneral:Temporary lockout"


def account(house: House, who: str) -> dict[str, Any]:
    """As `users` shows it."""
    rows = house.run("users", "--json").json["accounts"]
    return {row["account"]: row for row in rows}[f"{who}:kraken"]


def buy(house: House, usd: str = "1000") -> dict[str, Any]:
    """A trade beside the running bot: each user's copy."""
    report = house.run("trade", "buy", "BTC-USD", "--usd", usd, "--json").json
    return {copy["account"].partition(":")[0]: copy for copy in report["copies"]}


def said(ended: Ended, *words: str) -> None:
    """It is done, and standard output is one line that has all of these words."""
    assert ended.code == 0, ended
    (line,) = ended.out.splitlines()
    assert all(word in line for word in words), line


def test_without_a_bot_there_is_nothing_to_resume(house: House) -> None:
    house.run("users", "resume", "anna").refused(1, "no bot is running")


def test_an_account_that_is_not_there_is_named(house: House) -> None:
    with house.bot():
        house.run("users", "resume", "nobody").refused(1, "no account nobody:kraken", "python bot.py users")


def test_an_account_that_is_well_is_left_alone(house: House) -> None:
    with house.bot():
        said(house.run("users", "resume", "anna"), "anna:kraken", "was not paused")


def test_a_paused_account_says_why_and_copies_again_once_it_was_resumed(house: House) -> None:
    with house.bot():
        house.paper.fault("error", account=house.logins["anna"].name, method="AddOrder", text=LOCKOUT)
        assert buy(house)["bert"]["state"] == "FILLED"
        eventually(lambda: LOCKOUT in account(house, "anna")["status"], PATIENCE_S)
        assert "paused" in account(house, "anna")["status"]
        assert account(house, "bert")["status"] == "connected"
        said(house.run("users", "resume", "anna"), "anna:kraken", "connected again", LOCKOUT)
        eventually(lambda: account(house, "anna")["status"] == "connected", PATIENCE_S)
        assert buy(house)["anna"]["state"] == "FILLED"
    assert house.paper.get("/requests")["refused"] == {LOCKOUT: 1}


def test_an_account_that_does_not_come_back_says_so(house: House) -> None:
    name = house.logins["anna"].name
    with house.bot():
        house.paper.fault("error", account=name, method="AddOrder", text=LOCKOUT)
        buy(house)
        house.paper.fault("error", account=name, method="BalanceEx", text="EAPI:Invalid key", times=None)
        house.run("users", "resume", "anna").refused(1, "anna:kraken", "EAPI:Invalid key")


def test_users_alone_lists_and_help_tells_of_resume(house: House) -> None:
    assert "anna:kraken" in house.run("users").out
    assert "resume" in house.run("users", "--help").out
    assert "Usage: bot.py users resume" in house.run("users", "resume", "--help").out
    assert house.run("users", "resume").code == 2
