"""`ledger check` against a real exchange process, with a running bot and without one."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.conftest import MakeHouse
from tests.e2e.house import House
from tests.paper_exchange.client import eventually

pytestmark = pytest.mark.e2e

BOT = pytest.mark.parametrize("with_bot", [False, True], ids=["alone", "beside the bot"])


@contextmanager
def traded(house: House, with_bot: bool) -> Iterator[None]:
    """The master has bought and everybody has copied; then the bot runs, or none does."""
    assert house.run("trade", "buy", "BTC-USD", "--usd", "1000").code == 0
    with house.bot() if with_bot else nullcontext():
        yield


def check(house: House, code: int, *arguments: str) -> dict[str, Any]:
    """What the check reports, which has to end with this exit code."""
    ended = house.run("ledger", "check", "--json", *arguments)
    assert ended.code == code, ended
    report: dict[str, Any] = ended.json
    return report


def differences(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Account, order and what, of each; all of them say what to do."""
    assert all(line["mend"] for line in report["differences"])
    return [(line["account"], line["order"], line["what"]) for line in report["differences"]]


def change(house: House, statement: str) -> None:
    """Alter the ledger behind everybody's back."""
    with closing(sqlite3.connect(house.ledger)) as connection, connection:
        assert connection.execute(statement).rowcount == 1


def order_id(house: House, who: str) -> str:
    (order,) = house.orders(who)
    found: str = order["order_id"]
    return found


def revoke(house: House, who: str) -> None:
    """The key does not work any more, from now on."""
    house.paper.fault("error", account=house.logins[who].name, text="EAPI:Invalid key", times=None)


@BOT
def test_a_ledger_that_agrees_says_so(house: House, with_bot: bool) -> None:
    with traded(house, with_bot):
        ended = house.run("ledger", "check")
        assert check(house, 0)["unsettled"] == []
    assert ended.code == 0, ended
    assert ended.out.splitlines() == ["✅ the ledger and the venues agree: 3 accounts compared, 3 orders at the venues"]
    assert house.order_counts() == {"master": 1, "anna": 1, "bert": 1}


@BOT
def test_a_fill_that_was_altered_is_found_with_both_values(house: House, with_bot: bool) -> None:
    with traded(house, with_bot):
        change(house, "UPDATE copies SET executed = '0.5', fee = '0' WHERE user_id = 'anna'")
        report = check(house, 1)
        shown = house.run("ledger", "check")
    anna = order_id(house, "anna")
    assert differences(report) == [("anna:kraken", anna, "executed"), ("anna:kraken", anna, "fee")]
    (booked,) = house.orders("anna")
    assert report["differences"][0]["ledger"] == "0.5"
    assert Decimal(report["differences"][0]["venue"]) == Decimal(booked["executed"])
    assert shown.code == 1
    assert all(word in shown.out for word in ("anna:kraken", anna, "executed", "0.5", "restore a backup"))
    assert "❌ 2 differences" in shown.out


def test_a_row_that_is_gone_is_found(house: House) -> None:
    with traded(house, with_bot=False):
        change(house, "DELETE FROM copies WHERE user_id = 'bert'")
        change(house, "UPDATE copies SET state = 'SKIPPED', reason = 'too old' WHERE user_id = 'anna'")
        report = check(house, 1)
    assert differences(report) == [
        ("anna:kraken", order_id(house, "anna"), "placed, and the ledger says not"),
        ("bert:kraken", order_id(house, "bert"), "not in the ledger"),
    ]


def test_an_order_that_only_the_ledger_has_is_found(house: House) -> None:
    with traded(house, with_bot=False):
        name = str(uuid.uuid4())
        change(house, f"UPDATE copies SET client_order_id = '{name}', order_id = 'OAAAAA' WHERE user_id = 'anna'")
        report = check(house, 1)
    assert differences(report) == [
        ("anna:kraken", "OAAAAA", "not at the venue"),
        ("anna:kraken", order_id(house, "anna"), "not in the ledger"),
    ]


@BOT
def test_orders_placed_behind_the_bots_back_are_found_by_their_names(house: House, with_bot: bool) -> None:
    with traded(house, with_bot):
        anna, name = house.logins["anna"], str(uuid.uuid4())
        unknown = anna.market("buy", "0.0005", cl_ord_id=name)
        anna.market("buy", "0.0005")
        anna.limit("buy", "0.001", "20000", cl_ord_id="my-own")
        report = check(house, 1)
    assert differences(report) == [("anna:kraken", unknown, "not in the ledger")]
    assert report["differences"][0]["client_order_id"] == name
    assert {row["account"]: (row["orders"], row["own_orders"]) for row in report["accounts"]} == {
        "master:kraken": (1, 0),
        "anna:kraken": (4, 2),
        "bert:kraken": (1, 0),
    }


def test_an_order_that_was_placed_twice_under_one_name_is_found(house: House) -> None:
    with traded(house, with_bot=False):
        (first,) = house.orders("bert")
        second = house.logins["bert"].market("buy", "0.0001", cl_ord_id=first["client_order_id"])
        report = check(house, 1)
    assert differences(report) == [("bert:kraken", first["order_id"], "TWICE at the venue")]
    assert second in report["differences"][0]["venue"]


@BOT
def test_coins_that_were_sold_by_hand_are_found_and_own_coins_are_not(house: House, with_bot: bool) -> None:
    with traded(house, with_bot):
        house.logins["anna"].market("sell", "0.0005")
        house.logins["bert"].market("buy", "0.0005")
        report = check(house, 1)
    assert differences(report) == [("anna:kraken", "coins BTC", "copied more than there is")]


@BOT
def test_an_account_with_a_revoked_key_is_named_and_the_others_are_compared(house: House, with_bot: bool) -> None:
    with traded(house, with_bot):
        revoke(house, "anna")
        ended = house.run("ledger", "check")
        ended.refused(4, "anna:kraken", "EAPI:Invalid key")
        report = check(house, 4)
        change(house, "UPDATE copies SET cost = '1' WHERE user_id = 'bert'")
        assert differences(check(house, 1)) == [("bert:kraken", order_id(house, "bert"), "cost")]
    assert "2 accounts compared" in ended.out
    assert report["differences"] == []
    assert {row["account"] for row in report["accounts"] if not row["problem"]} == {"master:kraken", "bert:kraken"}


def test_users_without_keys_are_named_and_those_of_the_past_too(house: House) -> None:
    with traded(house, with_bot=False):
        house.users_file([{"user_id": "anna"}, {"user_id": "carl"}])
        ended = house.run("ledger", "check")
    ended.refused(4, "carl")
    assert "not set up any more: bert:kraken" in ended.out


@BOT
def test_histories_of_more_than_a_page_are_compared_whole(make_house: MakeHouse, with_bot: bool) -> None:
    house = make_house(users={"anna": "100000"})
    with traded(house, with_bot):
        first, anna = order_id(house, "anna"), house.logins["anna"]
        own = [anna.market("buy", "0.0001") for _ in range(105)]
        assert check(house, 0)["accounts"][1] == {
            "account": "anna:kraken",
            "orders": 106,
            "own_orders": len(own),
            "by_hand_orders": 0,
            "problem": None,
        }
        change(house, "UPDATE copies SET cost = '1' WHERE user_id = 'anna'")
        assert differences(check(house, 1)) == [("anna:kraken", first, "cost")]


def test_only_orders_since_then_have_to_be_there(house: House) -> None:
    with traded(house, with_bot=False):
        change(house, "UPDATE copies SET order_id = 'OAAAAA', client_order_id = 'x' WHERE user_id = 'anna'")
        change(house, "UPDATE copies SET planned_at = planned_at - 864000 WHERE user_id = 'anna'")
        assert ("anna:kraken", "OAAAAA", "not at the venue") in differences(check(house, 1, "--days", "20"))
        recent = differences(check(house, 1, "--days", "5"))
        assert [what for _, _, what in recent] == ["not in the ledger"]
        assert check(house, 1, "--since", "2020-01-31")["since"] == 1580428800


def test_an_order_that_a_killed_bot_left_open_is_not_settled_and_no_difference(house: House) -> None:
    with traded(house, with_bot=False):
        change(house, "UPDATE copies SET state = 'SUBMITTING', order_id = NULL WHERE user_id = 'anna'")
        report = check(house, 0)
        shown = house.run("ledger", "check")
    (line,) = report["unsettled"]
    assert (line["account"], line["what"]) == ("anna:kraken", "not settled yet")
    assert order_id(house, "anna") in line["venue"]
    assert "1 not settled yet" in shown.out


def test_nothing_is_sent_and_no_key_is_used_beside_a_running_bot(house: House) -> None:
    with traded(house, with_bot=True):
        before = {who: house.paper.account(login)["nonce"] for who, login in house.logins.items()}
        check(house, 0)
        assert house.run("trade", "sell", "BTC-USD", "--quantity", "0.01").code == 0
        eventually(lambda: check(house, 0)["unsettled"] == [], 30)
        refused = house.paper.get("/requests")["refused"]
        after = {who: house.paper.account(login)["nonce"] for who, login in house.logins.items()}
    assert refused == {}
    assert all(after[who] > before[who] for who in before)
    assert house.order_counts() == {"master": 2, "anna": 2, "bert": 2}


def test_wrong_use_and_no_ledger_say_so_in_one_line(house: House) -> None:
    house.run("ledger", "check", "--days", "3", "--since", "2026-01-01").refused(2, "--since", "--days")
    assert house.run("ledger", "check", "--since", "yesterday").code == 2
    house.run("ledger", "check").refused(1, "no ledger yet", "start the bot once")


def test_help_tells_of_it(house: House) -> None:
    assert "check" in house.run("ledger", "--help").out
    told = " ".join(house.run("ledger", "check", "--help").out.split())
    assert "Usage: bot.py ledger check" in told
    assert "Sends no order" in told
