"""`observe`, `users pause` and `users unpause`, beside a running bot and without one; each case in clear lines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.house import Ended, House

pytestmark = pytest.mark.e2e


def trade(house: House, side: str = "buy") -> dict[str, dict[str, Any]]:
    """A trade beside the running bot: each user's copy."""
    size = ["--usd", "500"] if side == "buy" else ["--quantity", str(house.held("master"))]
    report = house.run("trade", side, "BTC-USD", *size, "--json").json
    return {copy["account"].partition(":")[0]: copy for copy in report["copies"]}


def said(ended: Ended, *words: str) -> None:
    """It is done, and said all of these words on standard output."""
    assert ended.code == 0, ended
    assert all(word in ended.out for word in words), ended


def test_a_user_is_paused_and_unpaused_beside_a_running_bot(house: House) -> None:
    with house.bot():
        assert trade(house)["anna"]["state"] == "FILLED"
        said(
            house.run("users", "pause", "anna", "--venue", "kraken", "--reason", "on holiday"),
            "anna:kraken is PAUSED: on holiday",
            "python bot.py users unpause anna --venue kraken",
        )
        copies = trade(house)
        assert (copies["anna"]["state"], copies["bert"]["state"]) == ("SKIPPED", "FILLED")
        assert copies["anna"]["reason"] == "paused by the operator: on holiday"
        assert {copy["state"] for copy in trade(house, "sell").values()} == {"FILLED"}
        assert house.held("anna") == 0
        said(house.run("users", "unpause", "anna"), "anna:kraken is not paused any more", "on holiday")
        assert trade(house)["anna"]["state"] == "FILLED"


def test_observe_mode_beside_a_running_bot(house: House) -> None:
    with house.bot():
        said(house.run("observe", "a new venue"), "observe mode is ON: a new venue", "python bot.py observe --off")
        assert {copy["state"] for copy in trade(house).values()} == {"OBSERVED"}
        said(house.run("observe", "--off"), "observe mode is off")
        assert {copy["state"] for copy in trade(house).values()} == {"FILLED"}


def test_both_hold_from_before_the_first_run_on_and_say_when_there_is_nothing_to_end(house: House) -> None:
    said(house.run("users", "unpause", "anna"), "anna:kraken was not paused")
    said(house.run("observe", "--off"), "observe mode was not on")
    said(house.run("users", "pause", "anna", "--reason", "first things first"), "PAUSED")
    said(house.run("observe"), "observe mode is ON")
    copies = trade(house)
    assert (copies["anna"]["state"], copies["bert"]["state"]) == ("SKIPPED", "OBSERVED")
    house.variables["OBSERVE_ONLY"] = "true"
    said(house.run("observe", "--off"), "observe mode is off", "OBSERVE_ONLY is still set")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("pause", "nobody", "--reason", "x"), ("no account nobody:kraken", "python bot.py users")),
        (("pause", "anna", "--venue", "coinbase", "--reason", "x"), ("no account anna:coinbase",)),
        (("unpause", "nobody"), ("no account nobody:kraken", "python bot.py users")),
        (("pause", "master", "--reason", "x"), ("is a master", "python bot.py kill")),
        (("pause", "anna", "--reason", "  "), ("--reason is empty",)),
    ],
    ids=["unknown", "other venue", "unpause unknown", "master", "empty reason"],
)
def test_what_cannot_be_paused_is_refused_in_one_line(
    house: House, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    house.run("users", *arguments).refused(1, *words)


def test_help_teaches(house: House) -> None:
    assert "observe" in house.run("--help").out
    listed = house.run("users", "--help").out
    assert "pause" in listed
    assert "unpause" in listed
    assert "observe --off" in house.run("observe", "--help").out
    assert "exits go on" in house.run("users", "pause", "--help").out
    assert house.run("users", "pause", "anna").code == 2, "a reason is asked for"
