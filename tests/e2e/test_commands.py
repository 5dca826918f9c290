"""Every command as people and scripts call it, against a real exchange process."""

from __future__ import annotations

import json
import re
import signal
import time
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from bot.ledger.commands import CommandState
from bot.ledger.entry import open_ledger
from bot.ledger.journal import Ledger
from bot.runtime.clock import SystemClock
from tests.e2e.conftest import MakeHouse
from tests.e2e.house import PATIENCE_S, House
from tests.paper_exchange.client import Paper, eventually

pytestmark = pytest.mark.e2e

COMMANDS = (
    "run",
    "demo",
    "trade",
    "users",
    "status",
    "signals",
    "copies",
    "kill",
    "resume",
    "bench",
    "resync",
    "simulate",
    "paper",
    "bench fanout",
)
ORDER_ID = re.compile(r"\bO[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{6}\b")
#: DESIGN section 9, those of this path.
LINES_OF_THE_START = (
    "✅ KRAKEN PRO CONNECTED (MASTER)",
    "✅ KRAKEN PRO CONNECTED (USER:anna)",
    "✅ USER:anna KRAKEN connected",
    "✅ KRAKEN COPY TRADING SYSTEM READY",
    "✅ COPY TRADE ENGINE STARTED",
    "✅ Copy trade engine started in ACTIVE MODE",
)
LINES_OF_A_TRADE = (
    "📡 Emitting trade signal to copy engine",
    "✅ Trade signal emitted successfully",
    "🔔 RECEIVED MASTER TRADE SIGNAL: BTC-USD BUY",
    "🔄 Copying trade to user: anna",
    "🟢 COPY TRADE SUCCESS",
    "📊 COPY TRADING SUMMARY",
    "✅ TRADE CONFIRMATION - MASTER",
)


def nonces(house: House) -> dict[str, int]:
    """The highest nonce that the exchange has seen of each key."""
    return {who: house.paper.account(login)["nonce"] for who, login in house.logins.items()}


# -- demo and help ---------------------------------------------------------------------------------------------------


def test_the_demo_shows_three_trades_of_everybody_and_ends_with_books_that_agree(house: House) -> None:
    began = time.monotonic()

    ended = house.run("demo")

    assert ended.code == 0, ended
    assert time.monotonic() - began < 30
    tables = re.split(r"^The master ", ended.out, flags=re.MULTILINE)[1:]
    assert [table.split()[0] for table in tables] == ["buys", "sells", "sells"]
    for table in tables:
        lines = {line.split()[0]: line for line in table.splitlines() if ":kraken" in line}
        assert list(lines) == [
            "master:kraken",
            "daivon_frazier:kraken",
            "kim_roe:kraken",
            "sam_lee:kraken",
            "tania_gilbert:kraken",
        ]
        assert "SKIPPED: " in lines.pop("kim_roe:kraken")
        assert all(ORDER_ID.search(line) for line in lines.values()), table
    assert "12 orders, none lost, none twice" in ended.out
    assert "Traceback" not in ended.err


def test_the_demo_shows_one_coinbase_master_and_users_on_all_three_venues(house: House) -> None:
    ended = house.run("demo", "--venues", "kraken,coinbase,alpaca")

    assert ended.code == 0, ended
    bought = re.split(r"^The master ", ended.out, flags=re.MULTILINE)[1]
    accounts = re.findall(r"^ (\w+:\w+) ", bought, flags=re.MULTILINE)
    assert accounts[0] == "master:coinbase"
    assert [venue for _, _, venue in (one.partition(":") for one in accounts)].count("coinbase") == 4
    assert {one.partition(":")[2] for one in accounts} == {"kraken", "coinbase", "alpaca"}
    assert len(accounts) == 10
    assert bought.count("SKIPPED: below minimum") == 3
    assert "21 orders, none lost, none twice" in ended.out
    assert "Traceback" not in ended.err


def test_a_demo_at_a_venue_that_there_is_not_is_refused_in_one_line(house: House) -> None:
    house.run("demo", "--venues", "kraken,binance").refused(2, "binance", "coinbase")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_explains_every_command(house: House, command: str) -> None:
    ended = house.run(*command.split(), "--help")

    assert ended.code == 0
    assert "Usage: bot.py" in ended.out
    assert ended.err == ""
    assert len(ended.out.splitlines()) > 5


def test_the_help_names_the_commands_and_the_exit_codes(house: House) -> None:
    shown = " ".join(house.run_cold("--help").out.split())

    for command in COMMANDS[:-1]:
        assert command in shown
    for meaning in ("0 done", "1 failed", "2 wrong use", "3 another bot"):
        assert meaning in shown


def test_a_command_that_is_none_is_wrong_use(house: House) -> None:
    assert house.run_cold("nonsense").code == 2
    assert house.run("trade", "hold", "BTC-USD", "--usd", "1").code == 2
    assert house.run("trade", "buy", "BTC-USD").code == 2
    assert house.run("trade", "buy", "BTC-USD", "--usd", "1", "--quantity", "1").code == 2
    assert house.nothing_placed()


# -- run -------------------------------------------------------------------------------------------------------------


def test_the_bot_runs_until_it_is_told_to_stop_and_goes_on_after_a_restart(house: House) -> None:
    with house.bot() as bot:
        for line in LINES_OF_THE_START:
            assert bot.said(line), line
        second = house.run("run")
        second.refused(3, "another bot works on", str(house.data))
        assert house.run("trade", "buy", "BTC-USD", "--usd", "100").code == 0
        for line in LINES_OF_A_TRADE:
            bot.wait_until_said(line)
        began = time.monotonic()
        ended = bot.stop()
    assert ended.code == 0, ended
    assert time.monotonic() - began < 10
    assert "Traceback" not in ended.err
    before = nonces(house)

    with house.bot():
        assert house.run("trade", "buy", "BTC-USD", "--usd", "100").code == 0
        assert all(after > before[who] for who, after in nonces(house).items())

    assert house.order_counts() == {"master": 2, "anna": 2, "bert": 2}
    assert house.paper.get("/requests")["refused"] == {}


def test_an_interrupt_ends_the_bot_too(house: House) -> None:
    with house.bot() as bot:
        ended = bot.stop(signal.SIGINT)

    assert ended.code == 0, ended
    assert "Traceback" not in ended.err


def test_a_bot_that_was_killed_leaves_nothing_in_the_way(house: House) -> None:
    with house.bot() as bot:
        assert house.run("trade", "buy", "BTC-USD", "--usd", "100").code == 0
        before = nonces(house)
        assert bot.stop(signal.SIGKILL).code == -signal.SIGKILL

    assert house.run("status", "--json").json["running"] is False
    assert house.run("trade", "sell", "BTC-USD", "--quantity", str(house.held("master"))).code == 0
    assert all(after > before[who] for who, after in nonces(house).items())
    assert {who: house.held(who) for who in house.logins} == dict.fromkeys(house.logins, Decimal(0))


def test_a_bot_in_observe_mode_says_so_and_places_nothing_for_users(make_house: MakeHouse) -> None:
    house = make_house(variables={"OBSERVE_ONLY": "true"})
    with house.bot() as bot:
        assert bot.said("✅ Copy trade engine started in OBSERVE MODE")
        report = house.run("trade", "buy", "BTC-USD", "--usd", "100", "--json").json

    assert {copy["state"] for copy in report["copies"]} == {"OBSERVED"}
    assert house.order_counts() == {"master": 1, "anna": 0, "bert": 0}


def test_an_underfunded_user_is_named(make_house: MakeHouse) -> None:
    house = make_house(users={"anna": "1000", "pia": "0.49"})
    with house.bot() as bot:
        ended = bot.stop()

    ended.in_one_line("pia", "UNDERFUNDED - will NOT trade")
    shown = house.run("users", "--json").json["accounts"]
    assert {row["account"]: row["status"] for row in shown}["pia:kraken"] == "UNDERFUNDED - will NOT trade"


# -- trade -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("running", [True, False], ids=["beside a running bot", "by itself"])
def test_a_trade_reaches_everybody_and_prints_what_became_of_it(house: House, running: bool) -> None:
    def both() -> tuple[Any, Any]:
        bought = house.run("trade", "buy", "XXBTZUSD", "--usd", "1000", "--json")
        sold = house.run("trade", "sell", "btc-usd", "--quantity", str(house.held("master")))
        return bought, sold

    if running:
        with house.bot():
            bought, sold = both()
    else:
        bought, sold = both()

    assert bought.code == sold.code == 0, (bought, sold)
    report = bought.json
    assert report["accepted"] is True
    assert report["complete"] is True
    lines = {line["account"]: line for line in (report["master"], *report["copies"])}
    for who in house.logins:
        order = house.orders(who)[0]
        line = lines[f"{who}:kraken"]
        assert line["state"] == "FILLED"
        assert line["order_id"] == order["order_id"]
        for name in ("executed", "cost", "fee"):
            assert Decimal(line[name]) == Decimal(order[name]), (who, name)
        assert house.orders(who)[1]["order_id"] in sold.out
    assert house.order_counts() == dict.fromkeys(house.logins, 2)
    assert {who: house.held(who) for who in house.logins} == dict.fromkeys(house.logins, Decimal(0))
    assert house.paper.get("/requests")["refused"] == {}


def test_a_trade_whose_answer_was_lost_is_looked_up_and_copied(house: House) -> None:
    house.paper.fault("http_504", account=house.logins["master"].name, method="AddOrder", when="after")

    done = house.run("trade", "buy", "BTC-USD", "--usd", "100")

    assert done.code == 0, done
    assert house.order_counts() == {"master": 1, "anna": 1, "bert": 1}


def test_a_trade_of_which_the_venue_says_nothing_is_said_to_be_unknown_not_refused(house: House) -> None:
    master = house.logins["master"].name
    house.paper.fault("http_504", account=master, method="AddOrder", when="after")
    house.paper.fault("http_503", account=master, method="OpenOrders", times=1000)

    house.run("trade", "buy", "BTC-USD", "--usd", "100").refused(4, "NOT KNOWN", "HTTP 504")

    assert house.order_counts() == {"master": 1, "anna": 0, "bert": 0}


# -- looks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["status", "signals", "copies", "copies --json"])
def test_before_the_first_run_a_look_says_that_there_is_nothing_yet(house: House, command: str) -> None:
    house.run(*command.split()).refused(1, "no ledger yet", str(house.ledger), "start the bot once")
    assert not house.data.exists()


def test_users_are_shown_before_the_first_run(house: House) -> None:
    shown = house.run("users", "--json")

    assert shown.code == 0
    assert [row["account"] for row in shown.json["accounts"]] == ["master:kraken", "anna:kraken", "bert:kraken"]
    assert {row["status"] for row in shown.json["accounts"]} == {"never connected"}


def test_looks_tell_what_was_traded_copied_and_skipped(make_house: MakeHouse) -> None:
    house = make_house(users={"anna": "1000", "bert": "500", "poor": "5"})
    with house.bot():
        report = house.run("trade", "buy", "BTC-USD", "--usd", "500", "--json").json

        def seen() -> bool:
            return all(row["connected"] for row in house.run("status", "--json").json["accounts"])

        eventually(seen, PATIENCE_S)
        running = house.run("status")
        assert running.code == 0
        assert "running" in running.out
    status, users = house.run("status", "--json"), house.run("users", "--json")
    signals, copies = house.run("signals", "--json").json, house.run("copies", "--json").json

    assert status.code == 1
    assert status.json["running"] is False
    assert status.json["kill_switch"] is None
    assert status.json["counts"]["copied"] == 2
    assert status.json["counts"]["skipped"] == {"below minimum": 1}
    assert {row["account"] for row in status.json["accounts"]} == {f"{who}:kraken" for who in house.logins}
    assert users.code == 0
    assert {row["connected"] for row in users.json["accounts"]} == {"yes"}
    (signal_,) = signals
    assert signal_["order_id"] == report["master"]["order_id"] == house.orders("master")[0]["order_id"]
    assert (signal_["symbol"], signal_["side"], signal_["master_balance"]) == ("BTC-USD", "buy", "10000.0000")
    by_account = {copy["account"]: copy for copy in copies}
    assert set(by_account) == {"anna:kraken", "bert:kraken", "poor:kraken"}
    for who in ("anna", "bert"):
        assert by_account[f"{who}:kraken"]["order_id"] == house.orders(who)[0]["order_id"]
    assert by_account["poor:kraken"]["reason"].startswith("below minimum")
    table = house.run("copies")
    for who in ("anna", "bert"):
        assert house.orders(who)[0]["order_id"] in table.out
    assert "below minimum" in table.out
    only = house.run("copies", "--json", "--user", "anna", "--state", "FILLED").json
    assert [copy["account"] for copy in only] == ["anna:kraken"]
    assert house.orders("master")[0]["order_id"] in house.run("signals").out
    for shown in (house.run("users"), house.run("status")):
        for who in house.logins:
            assert f"{who}:kraken" in shown.out


# -- kill and resume -------------------------------------------------------------------------------------------------


def order_by_command(ledger: Ledger, usd: str = "10") -> dict[str, Any]:
    """What the trade command does beside a running bot, without a process of its own."""
    wish = {"venue": "kraken", "symbol": "BTC-USD", "side": "buy", "quantity": usd, "size_type": "quote"}
    number = ledger.post_command("trade", wish)
    command = eventually(
        lambda: (found := ledger.command(number)).state not in (CommandState.QUEUED, CommandState.TAKEN) and found,
        PATIENCE_S,
    )
    assert command.result is not None
    return dict(command.result)


def test_kill_is_obeyed_within_a_second_and_kept_until_resume(house: House) -> None:
    reason = "the exchange looks odd [/today] [red]"
    with house.bot(), closing(open_ledger(house.ledger, SystemClock())) as ledger:
        assert order_by_command(ledger)["accepted"] is True
        killed = house.run("kill", reason)
        since = time.monotonic()
        assert killed.code == 0
        assert reason in killed.out
        while (report := order_by_command(ledger))["accepted"]:
            assert time.monotonic() - since < 1.0
        assert reason in report["master"]["reason"]
        placed = house.order_counts()
        house.run("trade", "buy", "BTC-USD", "--usd", "100").refused(1, "kill switch", reason)
        assert house.run("status", "--json").json["kill_switch"]["reason"] == reason
        assert reason in house.run("status").out
    with house.bot() as bot, closing(open_ledger(house.ledger, SystemClock())) as ledger:
        refused = house.run("trade", "buy", "BTC-USD", "--usd", "100", "--json")
        assert refused.code == 1
        assert refused.json["accepted"] is False
        assert reason in refused.json["master"]["reason"]
        assert house.order_counts() == placed
        assert house.run("resume").code == 0
        since = time.monotonic()
        while not order_by_command(ledger, "100")["accepted"]:
            assert time.monotonic() - since < 1.5
        assert bot.process.poll() is None
    assert all(count > placed[who] for who, count in house.order_counts().items())


def test_kill_before_the_first_run_holds_and_resume_says_when_there_is_nothing_to_lift(house: House) -> None:
    assert "not on" in house.run("resume").out
    assert house.run("kill").code == 0

    house.run("trade", "buy", "BTC-USD", "--usd", "100").refused(1, "kill switch", "stopped by the operator")

    assert house.nothing_placed()
    assert "lifted" in house.run("resume").out
    assert house.run("trade", "buy", "BTC-USD", "--usd", "100").code == 0


# -- bench -----------------------------------------------------------------------------------------------------------


def test_the_bench_measures_three_ways_in_one_run(house: House) -> None:
    ended = house.run("bench", "fanout", "--users", "5", "--rounds", "1", "--latency-ms", "20", "--json")

    assert ended.code == 0, ended
    figures = ended.json
    assert figures["faults"] == []
    assert (figures["users"], figures["latency_ms"]) == (5, 20)
    assert len(figures["last_ms"]) == 3
    assert all(len(rounds) == 1 and rounds[0] > 0 for rounds in figures["last_ms"].values())
    assert figures["memory_mb"] > 0
    assert figures["threads"] > 0


def test_the_bench_prints_a_table(house: House, paper: Paper) -> None:
    ended = house.run("bench", "fanout", "--users", "5", "--rounds", "1")

    assert ended.code == 0, ended
    assert "5 users" in ended.out
    assert len(re.findall(r"bare|the bot", ended.out)) >= 4
    assert json.dumps(paper.get("/requests")["refused"]) == "{}"


def test_a_sign_of_life_from_the_future_is_none(house: House) -> None:
    house.data.mkdir(exist_ok=True)
    (house.data / "heartbeat.json").write_text(json.dumps({"at": time.time() + 7200, "reason": ""}))
    house.run("health").refused(1, "ahead of this machine's clock")
