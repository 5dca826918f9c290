"""`resync` as people and scripts call it, with a running bot and without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.conftest import MakeHouse
from tests.e2e.house import House
from tests.paper_exchange.client import eventually

pytestmark = pytest.mark.e2e

MISSED = "account not connected"


@contextmanager
def shut_out(house: House, who: str) -> Iterator[None]:
    """For as long as it lasts the account's key does not work."""
    number = house.paper.fault("error", account=house.logins[who].name, text="EAPI:Invalid key", times=None)
    yield
    house.paper.delete(f"/faults/{number}")


@pytest.fixture
def drifted(house: House) -> House:
    """Both have a first trade; bert could not be reached at the second one."""
    assert house.run("trade", "buy", "BTC-USD", "--usd", "500").code == 0
    with shut_out(house, "bert"):
        assert house.run("trade", "buy", "BTC-USD", "--usd", "500").code == 0
    return house


def standing(report: dict[str, Any], who: str) -> dict[str, Any]:
    (found,) = [one for one in report["standings"] if one["account"] == f"{who}:kraken"]
    assert isinstance(found, dict)
    return found


def test_the_table_shows_who_differs_and_why_without_a_bot(drifted: House) -> None:
    ended = drifted.run("resync")
    assert ended.code == 1, ended
    assert "bert:kraken" in ended.out
    assert MISSED in ended.out
    assert "anna:kraken" not in ended.out
    assert "❌ 1 of 2 differ" in ended.out
    assert "python bot.py resync --user NAME --apply" in ended.out


def test_scripts_get_the_same_as_json_and_those_without_drift_on_request(drifted: House) -> None:
    report = drifted.run("resync", "--json").json
    bert = standing(report, "bert")
    assert Decimal(bert["causes"][MISSED]) == Decimal(bert["correctable"])
    total = sum(Decimal(amount) for amount in bert["causes"].values())
    assert total == Decimal(bert["difference"]) == Decimal(bert["should"]) - Decimal(bert["has"])
    assert (report["running"], report["masters"], len(report["standings"])) == (False, None, 1)
    everyone = drifted.run("resync", "--all", "--json").json
    assert Decimal(standing(everyone, "anna")["correctable"]) == 0


def test_nothing_is_corrected_without_a_running_bot(drifted: House) -> None:
    drifted.run("resync", "--user", "bert", "--apply", "--yes").refused(1, "no bot runs", "python bot.py")
    assert drifted.order_counts()["bert"] == 1


def test_a_correction_is_shown_then_done_and_then_there_is_none(drifted: House) -> None:
    house = drifted
    with house.bot():
        shown = house.run("resync", "--user", "bert", "--json").json
        (line,) = shown["corrections"]
        assert (line["side"], line["symbol"]) == ("buy", "BTC-USD")
        assert house.order_counts()["bert"] == 1

        done = house.run("resync", "--user", "bert", "--symbol", "btc-usd", "--apply", "--yes", "--json")
        assert done.code == 0, done
        (line,) = done.json["corrections"]
        assert line["state"] == "FILLED"
        eventually(lambda: house.run("resync", "--user", "bert").code == 0, 30)
        again = house.run("resync", "--user", "bert", "--apply", "--yes")
        assert again.code == 1, again
        assert "no drift" in again.out
    assert house.order_counts() == {"master": 2, "anna": 2, "bert": 2}


def test_without_a_yes_it_asks_and_names_the_amount(drifted: House) -> None:
    with drifted.bot():
        ended = drifted.run("resync", "--user", "bert", "--apply")
    assert ended.code != 0
    assert "bert:kraken: buy 0.0004" in ended.err or "bert:kraken: buy 0.0005" in ended.err
    assert drifted.order_counts()["bert"] == 1


def test_the_kill_switch_keeps_it_from_trading(drifted: House) -> None:
    with drifted.bot():
        assert drifted.run("kill", "for a test").code == 0
        ended = drifted.run("resync", "--user", "bert", "--apply", "--yes")
        assert drifted.run("resume").code == 0
    assert ended.code == 1, ended
    assert "kill switch: for a test" in ended.out
    assert drifted.order_counts()["bert"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--apply",), ("--user",)),
        (("--user", "nobody"), ("nobody", "follows a master")),
    ],
    ids=["apply to nobody", "unknown user"],
)
def test_wrong_use_is_said(house: House, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    house.run("resync", *arguments).refused(2, *words)


def test_a_house_where_all_agree_says_so(make_house: MakeHouse) -> None:
    house = make_house()
    assert house.run("trade", "buy", "BTC-USD", "--usd", "500").code == 0
    ended = house.run("resync")
    assert ended.code == 0, ended
    assert "✅ all of 2 as they should be" in ended.out
