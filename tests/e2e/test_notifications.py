"""A real bot that speaks up, to a server of its own."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import MakeHouse
from tests.e2e.house import PATIENCE_S
from tests.integration.notify.servers import HookServer, hooks
from tests.paper_exchange.client import eventually

pytestmark = pytest.mark.e2e

CANARY = "cAnArYt0kEn98765"


def bodies(server: HookServer, title: str) -> list[str]:
    return [body for told, body in list(server.took) if told == title]


def test_a_running_bot_tells_of_its_start_a_failed_copy_the_kill_switch_and_its_end(make_house: MakeHouse) -> None:
    with hooks() as server, hooks() as hanging:
        hanging.mode = "hang"
        urls = f"json://{hanging.address}/{CANARY} json://{server.address}/{CANARY}"
        house = make_house(variables={"NOTIFY_URLS": urls, "LOG_LEVEL": "DEBUG"})
        with house.bot() as bot:
            eventually(lambda: server.titles == ["🚀 NIJA: started"], PATIENCE_S)
            for who in ("anna", "bert"):
                house.paper.fault(
                    "error", account=house.logins[who].name, method="AddOrder", text="EOrder:Insufficient funds"
                )
            house.run("trade", "buy", "BTC-USD", "--usd", "1000")
            eventually(lambda: len(bodies(server, "❌ NIJA: copy failed")) == 1, PATIENCE_S)
            assert "2 of 2 copies failed: anna:kraken, bert:kraken" in bodies(server, "❌ NIJA: copy failed")[0]
            house.run("kill", "too hot")
            eventually(lambda: bodies(server, "🛑 NIJA: trading stopped") != [], PATIENCE_S)
            assert "too hot" in bodies(server, "🛑 NIJA: trading stopped")[0]
            ended = bot.stop()
        assert ended.code == 0, ended
        assert server.titles[-1] == "⏹️ NIJA: stopped"
        assert CANARY not in ended.out + ended.err
        ended.in_one_line("channel 1 (json://)", "were not sent")


def test_an_event_that_does_not_exist_keeps_the_bot_from_starting(make_house: MakeHouse) -> None:
    house = make_house(variables={"NOTIFY_EVENTS": "losses"})
    house.run("run").refused(2, "NOTIFY_EVENTS", "losses", "engine_stopped")


def test_the_command_names_events_and_channels(make_house: MakeHouse) -> None:
    house = make_house(variables={"NOTIFY_URLS": f"json://h.example.com/{CANARY}"})
    ended = house.run("notify")
    assert ended.code == 0, ended
    assert "h.example.com" in ended.out
    assert CANARY not in ended.out + ended.err
