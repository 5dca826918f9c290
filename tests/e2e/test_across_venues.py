"""The commands, with a master on Coinbase and users on all three venues."""

from __future__ import annotations

import pytest

from bot.domain.enums import BrokerType
from tests.e2e.conftest import MakeHouse
from tests.e2e.house import House

KRAKEN, COINBASE, ALPACA = BrokerType
VENUES = {"master": COINBASE, "anna": KRAKEN, "bert": COINBASE, "carl": ALPACA}


@pytest.fixture
def house(make_house: MakeHouse) -> House:
    return make_house(users=dict.fromkeys(("anna", "bert", "carl"), "1000"), venues=VENUES)


def test_a_trade_reaches_everybody_and_the_ledger_agrees_with_all_three_venues(house: House) -> None:
    bought = house.run("trade", "buy", "BTC-USD", "--usd", "500", "--venue", "coinbase", "--json")
    sold = house.run("trade", "sell", "BTC-USD", "--usd", "200", "--venue", "coinbase", "--json")

    assert (bought.code, sold.code) == (0, 0), (bought, sold)
    for trade in (bought.json, sold.json):
        states = {copy["account"]: copy["state"] for copy in trade["copies"]}
        assert states == {"anna:kraken": "FILLED", "bert:coinbase": "FILLED", "carl:alpaca": "FILLED"}
    assert set(house.order_counts().values()) == {2}
    check = house.run("ledger", "check")
    assert check.code == 0, check
    assert "4 accounts compared, 8 orders" in check.out


def test_who_follows_whom_is_shown_and_who_follows_nobody_is_named(house: House) -> None:
    house.users_file([{"user_id": "anna"}], "retail_kraken.json")
    house.run("trade", "buy", "BTC-USD", "--usd", "500", "--venue", "coinbase", "--json")

    users = house.run("users")

    users.refused(2, "anna will copy nothing", "master:kraken", "coinbase")
    lines = {line.split()[0]: line for line in users.out.splitlines() if ":" in line}
    assert "master:coinbase" in lines["carl:alpaca"]
    assert house.order_counts()["anna"] == 0


def test_alpaca_accounts_say_whether_they_are_paper(house: House) -> None:
    with house.bot() as running:
        running.wait_until_said("carl:alpaca: ALPACA PAPER account")


def test_a_venues_master_that_is_not_set_up_is_named_before_anything_is_sent(house: House) -> None:
    house.run("trade", "buy", "BTC-USD", "--usd", "100", "--venue", "alpaca").in_one_line("alpaca master", "API key")
    assert house.nothing_placed()
