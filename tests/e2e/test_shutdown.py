"""Ctrl-C and SIGTERM: what is in flight answers, what is known is saved, and ten seconds are enough, come what may."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from bot.cli.ending import EXIT_CODES
from tests.e2e.conftest import MakeHouse
from tests.e2e.house import PATIENCE_S, Ended, House, Running
from tests.paper_exchange.client import REPOSITORY, Paper, eventually

pytestmark = pytest.mark.e2e

BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
#: Longer than anything waits.
HANG_S = 60.0
TRADE = ("trade", "buy", "BTC-USD", "--usd", "1000")


@pytest.fixture
def house(make_house: MakeHouse) -> House:
    """Whose commands start as a person starts them: signals come at any moment."""
    return make_house(cold=True)


def hang(house: House, who: str, method: str, when: str = "after") -> None:
    """The next call of this account does not answer."""
    house.paper.fault("hang", account=house.logins[who].name, method=method, when=when, seconds=HANG_S)


def arrived(paper: Paper, house: House, method: str, who: str) -> int:
    """Calls that the exchange has begun with."""
    return len(paper.get(f"/requests?method={method}&account={house.logins[who].name}")["requests"])


def ends_within(running: Running, number: signal.Signals, seconds: float) -> Ended:
    """Sends a signal; it ends in time and without a traceback."""
    began = time.monotonic()
    ended = running.stop(number)
    assert time.monotonic() - began < seconds, ended
    assert "Traceback" not in ended.out + ended.err, ended
    return ended


def copies(house: House) -> dict[str, Any]:
    """The latest copy of each user."""
    rows = house.begin_warm("copies", "--json", "--limit", "100").ended().json
    return {row["account"].partition(":")[0]: row for row in reversed(rows)}


def anna_hangs(house: House, trader: list[Running]) -> None:
    """A trade beside the running bot: anna's order is at the exchange and is not answered, bert's is filled."""
    hang(house, "anna", "AddOrder")
    trader.append(house.begin(*TRADE))
    eventually(lambda: len(house.orders("anna")) == 1 and len(house.orders("bert")) == 1, PATIENCE_S)
    eventually(lambda: copies(house)["bert"]["state"] == "FILLED", PATIENCE_S)


# -- run -------------------------------------------------------------------------------------------------------------


@BOTH
def test_a_hung_venue_does_not_keep_the_bot_and_the_next_start_finds_everything(
    house: House, number: signal.Signals
) -> None:
    trader: list[Running] = []
    with house.bot() as bot:
        anna_hangs(house, trader)
        ended = ends_within(bot, number, 10)
    if ended.code:
        assert ended.code == 1
        ended.in_one_line("did not end in time", "anna:kraken")
    else:
        # On a slow machine the order's own ten seconds end before those of the bot.
        ended.in_one_line("no answer in time", "anna")
    bert = copies(house)["bert"]
    assert (bert["state"], bert["order_id"]) == ("FILLED", house.orders("bert")[0]["order_id"])
    trade = ends_within(trader[0], signal.SIGINT, 5)
    # It may have had its answer already.
    assert trade.code == 130 or not ended.code

    house.paper.delete("/requests")
    with house.bot():
        assert house.run("trade", "buy", "BTC-USD", "--usd", "1000", "--json").json["accepted"]
        eventually(lambda: house.order_counts()["bert"] == 2, PATIENCE_S)
    assert house.order_counts()["master"] == 2
    assert house.paper.get("/requests")["refused"] == {}


def test_a_second_signal_ends_the_bot_at_once(house: House) -> None:
    trader: list[Running] = []
    with house.bot() as bot:
        anna_hangs(house, trader)
        bot.process.send_signal(signal.SIGTERM)
        bot.wait_until_said("stopping")
        assert bot.process.poll() is None
        assert ends_within(bot, signal.SIGTERM, 1).code == 130
    with house.bot():
        pass
    assert house.paper.get("/requests")["refused"] == {}


@BOTH
def test_orders_in_flight_are_answered_before_the_bot_ends(make_house: MakeHouse, number: signal.Signals) -> None:
    users = {f"user{letter}": "1000" for letter in "abcdefghijklmnopqrst"}
    house = make_house(users=users, cold=True)
    with house.bot() as bot:
        house.paper.patch("/settings", latency_ms=800)
        trader = house.begin(*TRADE)
        eventually(lambda: all(arrived(house.paper, house, "AddOrder", who) for who in users), PATIENCE_S)
        ended = ends_within(bot, number, 10)
        assert ended.code == 0, ended
        house.paper.patch("/settings", latency_ms=0)
        trader.stop(signal.SIGINT)
    latest = copies(house)
    assert set(latest) == set(users)
    for who, row in latest.items():
        assert row["state"] in ("ACCEPTED", "FILLED")
        assert [order["order_id"] for order in house.orders(who)] == [row["order_id"]]


@BOTH
def test_the_start_is_left_at_once(house: House, number: signal.Signals) -> None:
    hang(house, "anna", "BalanceEx")
    bot = house.begin("run")
    eventually(lambda: arrived(house.paper, house, "BalanceEx", "bert"), PATIENCE_S)
    assert ends_within(bot, number, 2).code == 130
    with house.bot():
        pass
    assert house.paper.get("/requests")["refused"] == {}


@pytest.mark.parametrize("command", ["run", "trade buy BTC-USD --usd 10", "status", "demo"])
@BOTH
def test_a_signal_in_the_first_moment_shows_no_traceback(house: House, command: str, number: signal.Signals) -> None:
    running = house.begin(*command.split())
    eventually(lambda: catches(running.process.pid, number), PATIENCE_S)
    ended = ends_within(running, number, 5)
    assert ended.code == 130
    assert ended.err == ""


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler of its own for SIGTERM, and so for both."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    found = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    both = 1 << (signal.SIGTERM - 1) | 1 << (number - 1)
    return found is not None and int(found[1], 16) & both == both


# -- trade and demo --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "number"), [("master", signal.SIGINT), ("anna", signal.SIGTERM)])
def test_a_trade_by_itself_can_be_interrupted_while_an_order_hangs(
    house: House, who: str, number: signal.Signals
) -> None:
    hang(house, who, "AddOrder")
    trader = house.begin(*TRADE)
    eventually(lambda: len(house.orders(who)) == 1, PATIENCE_S)
    ended = ends_within(trader, number, 10)
    ended.refused(130, "interrupted", "python bot.py copies")
    with house.bot():
        pass
    assert house.paper.get("/requests")["refused"] == {}


def test_a_trade_can_be_interrupted_while_an_account_hangs_that_connects(house: House) -> None:
    hang(house, "anna", "BalanceEx")
    trader = house.begin(*TRADE)
    eventually(lambda: arrived(house.paper, house, "BalanceEx", "bert"), PATIENCE_S)
    assert ends_within(trader, signal.SIGINT, 10).code == 130
    assert house.nothing_placed()


def test_a_trade_that_ends_waits_for_no_venue(house: House) -> None:
    house.paper.fault("hang", account=house.logins["anna"].name, seconds=HANG_S, times=None)
    began = time.monotonic()
    ended = house.run(*TRADE)
    assert ended.code == 0, ended
    assert house.order_counts() == {"master": 1, "anna": 0, "bert": 1}
    # Twenty seconds for an account to connect, and no more than eight for the end.
    assert time.monotonic() - began < 35


def test_the_demo_can_be_interrupted_while_its_exchange_hangs(house: House, tmp_path: Path) -> None:
    house.variables["TMPDIR"] = str(tmp_path)
    before = set(tmp_path.iterdir())
    demo = house.begin("demo", "--verbose")
    demo.wait_until_said("✅ COPY TRADE ENGINE STARTED")
    (exchange,) = children(demo.process.pid)
    os.kill(exchange, signal.SIGSTOP)
    ended = ends_within(demo, signal.SIGINT, 10)
    assert ended.code == 130
    eventually(lambda: not Path(f"/proc/{exchange}").exists(), PATIENCE_S)
    assert set(tmp_path.iterdir()) == before


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(number) for number in text.split()]


# -- exit codes ------------------------------------------------------------------------------------------------------


def test_every_exit_code_is_documented(house: House) -> None:
    shown = " ".join(house.run("--help").out.split())
    page = (REPOSITORY / "docs" / "operating.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `(\d+)` \| ([^|]+?) \|", page, re.MULTILINE))
    assert set(table) == {str(code) for code in EXIT_CODES}
    for code, meaning in EXIT_CODES.items():
        assert f"{code} {meaning}" in shown
        assert table[str(code)].startswith(meaning)
